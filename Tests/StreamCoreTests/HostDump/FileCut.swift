import Foundation

/// Cuts a file that others hold open.
func truncate(_ file: URL, to size: UInt64) throws {
  let handle = try FileHandle(forWritingTo: file)
  try handle.truncate(atOffset: size)
  try handle.close()
}
