/// Arithmetic of clocks, as kernels and processors do it: products have 128 bits, results wrap at 64.
enum TickMath {
  /// `value * multiplier >> shift`.
  /// - Parameter shift: 0 to 63.
  static func scaled(_ value: UInt64, by multiplier: UInt64, shift: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: multiplier)
    return shift == 0 ? product.low : product.high << (64 - shift) | product.low >> shift
  }

  /// `value * multiplier / divisor`; `nil`: it has more than 64 bits.
  static func ratio(_ value: UInt64, _ multiplier: UInt64, _ divisor: UInt64) -> UInt64? {
    let product = value.multipliedFullWidth(by: multiplier)
    return product.high < divisor ? divisor.dividingFullWidth(product).quotient : nil
  }

  /// The same of a difference, with its sign; `nil`: it has more than 63 bits.
  static func signedRatio(_ value: Int64, _ multiplier: UInt64, _ divisor: UInt64) -> Int64? {
    guard let size = ratio(value.magnitude, multiplier, divisor).flatMap({ Int64(exactly: $0) }) else { return nil }
    return value < 0 ? -size : size
  }
}
