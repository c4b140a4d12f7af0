/// A time as `--since` takes it, in seconds since 1970.
public enum BatchTime {
  /// - Parameters:
  ///   - text: `2026-11-30`, `2026-11-30T18:30` or `2026-11-30T18:30:00`, in UTC; `7d`, `12h` or `90m` before now;
  ///     `@` and seconds since 1970.
  ///   - now: seconds since 1970.
  /// - Returns: `nil`: it is none of these.
  public static func seconds(of text: String, now: Int64) -> Int64? {
    if text.hasPrefix("@") { return Int64(text.dropFirst()) }
    let units: [Character: Int64] = ["d": 86_400, "h": 3600, "m": 60]
    if let last = text.last, let unit = units[last] {
      guard let count = UInt32(text.dropLast()) else { return nil }
      return now - Int64(count) * unit
    }
    let halves = text.split(separator: "T", omittingEmptySubsequences: false)
    guard (1...2).contains(halves.count), let day = day(halves[0]) else { return nil }
    guard halves.count == 2 else { return day * 86_400 }
    let parts = halves[1].split(separator: ":", omittingEmptySubsequences: false).map(number)
    guard (2...3).contains(parts.count), let hour = parts[0], let minute = parts[1], hour < 24, minute < 60,
      let second = parts.count == 3 ? parts[2] : 0, second < 60
    else { return nil }
    return day * 86_400 + hour * 3600 + minute * 60 + second
  }

  private static func number(_ text: Substring) -> Int64? {
    text.utf8.count <= 4 && text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64(text) : nil
  }

  /// Days since 1970 of the Gregorian calendar.
  private static func day(_ text: Substring) -> Int64? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false).map(number)
    guard parts.count == 3, let year = parts[0], let month = parts[1], let day = parts[2], year >= 1970 else {
      return nil
    }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard (1...12).contains(month), (1...lengths[Int(month) - 1]).contains(day) else { return nil }
    let before = year - 1
    let days = before * 365 + before / 4 - before / 100 + before / 400 - 719_162
    return days + lengths.prefix(Int(month) - 1).reduce(0, +) + day - 1
  }
}
