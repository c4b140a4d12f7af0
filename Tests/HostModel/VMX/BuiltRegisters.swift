/// One segment register as the SDM describes it.
public struct BuiltSegment: Sendable, Equatable {
  public var selector: UInt16
  public var base: UInt64
  public var limit: UInt32
  public var accessRights: UInt32
}

/// What a vCPU truly holds. Names are those of the product's `Register` and `SegmentRegister`.
public struct BuiltRegisters: Sendable, Equatable {
  public static let general = [
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
  ]
  public static let segmentOrder = ["es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"]

  public var values: [String: UInt64] = [:]
  public var segments: [String: BuiltSegment] = [:]
  public var gdtr = BuiltSegment(selector: 0, base: 0, limit: 0, accessRights: 0)
  public var idtr = BuiltSegment(selector: 0, base: 0, limit: 0, accessRights: 0)

  public subscript(_ name: String) -> UInt64 {
    get { values[name] ?? 0 }
    set { values[name] = newValue }
  }
}
