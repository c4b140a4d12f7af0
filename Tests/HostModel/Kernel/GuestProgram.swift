/// What a guest runs, in its own memory, as far as its vCPUs' registers name it.
public struct GuestProgram: Sendable {
  /// The guest's kernel, or `nil` for a guest that is no Linux.
  public let kernel: BuiltKernel?
  /// Page tables of a process, with the kernel's half; those of the whole guest when it is no Linux.
  public let process: PageTables
  /// GPA of a page of code: `sti, hlt` at its start.
  public let code: UInt64
  public let isLA57: Bool

  /// Where the process maps that page.
  public static let userCode: UInt64 = 0x5555_5555_4000

  /// A Linux with one process. `image` is the GPA of the kernel's image.
  public static func linux<Space: FrameSpace>(
    _ description: KernelDescription, image: UInt64, in space: inout Space
  ) throws(Space.Failure) -> GuestProgram {
    let kernel = try BuiltKernel(description, image: image, in: &space)
    let process = PageTables(root: try space.allocatePage(), levels: kernel.tables.levels)
    let code = try mapCode(process, flags: PageTables.Flags.userTable, in: &space)
    kernel.tables.copyKernelHalf(to: process, in: &space.memory)
    return GuestProgram(kernel: kernel, process: process, code: code, isLA57: description.isLA57)
  }

  /// Identity mapping of the RAM below 4 GiB, as a loader leaves it.
  public static func loader<Space: FrameSpace>(
    isLA57: Bool, in space: inout Space
  ) throws(Space.Failure) -> GuestProgram {
    let process = PageTables(root: try space.allocatePage(), levels: isLA57 ? 5 : 4)
    for run in space.ram where run.lowerBound < 1 << 20 {
      let start = run.lowerBound << 12
      let count = (min(run.upperBound, 1 << 20) - run.lowerBound) << 12
      try process.map(
        run: start, to: start, count: count, largest: 2 << 20, flags: PageTables.Flags.kernelTable, in: &space)
    }
    let code = try mapCode(process, flags: PageTables.Flags.kernelTable, in: &space)
    return GuestProgram(kernel: nil, process: process, code: code, isLA57: isLA57)
  }

  private static func mapCode<Space: FrameSpace>(
    _ process: PageTables, flags: UInt64, in space: inout Space
  ) throws(Space.Failure) -> UInt64 {
    let code = try space.allocatePage()
    space.memory.write([0xfb, 0xf4, 0xc3], at: code)
    try process.map(userCode, to: code, flags: flags, in: &space)
    return code
  }
}
