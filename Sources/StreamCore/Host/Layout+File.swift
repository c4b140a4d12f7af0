extension Layout {
  /// A layout from a file in the form that `layout show` prints.
  /// - Throws: `Failure.input` when the file cannot be read, `.badLayout` when it holds no layout.
  public init(file path: String) throws {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try InputFile(path: path).read(at: 0, count: Layout.maximumTextBytes + 1, for: .headers)
    } catch {
      throw Failure.input(.system(error))
    }
    do throws(LayoutError) {
      try self.init(parsing: String(decoding: bytes, as: UTF8.self))
    } catch {
      throw Failure.badLayout(path: path, why: "\(error)")
    }
  }
}
