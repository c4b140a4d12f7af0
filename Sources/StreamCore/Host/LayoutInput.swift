/// Why a file that should give a layout does not.
public enum LayoutInputError: Error, Equatable, Sendable {
  case unreadable(SystemError)
  /// A layout file that cannot be used.
  case noLayout(path: String, LayoutError)
  /// A file or directory that holds no VMCSINFO.
  case noVMCSInfo(path: String, VMCSInfoError)
}

extension Layout {
  /// A layout from a file in the form that `layout show` prints, text or JSON.
  public init(file path: String) throws(LayoutInputError) {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try InputFile(path: path).text(limit: Layout.maximumTextBytes + 1)
    } catch {
      throw .unreadable(error)
    }
    do throws(LayoutError) {
      if let layout = try Self(json: bytes) {
        self = layout
      } else {
        try self.init(parsing: String(decoding: bytes, as: UTF8.self))
      }
    } catch {
      throw .noLayout(path: path, error)
    }
  }
}
