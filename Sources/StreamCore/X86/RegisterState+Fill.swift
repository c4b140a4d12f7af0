extension RegisterState {
  /// Takes what is unknown here and known there.
  mutating func fill(with other: RegisterState) {
    registers.merge(other.registers) { own, _ in own }
    segments.merge(other.segments) { own, _ in own }
    gdtr = gdtr ?? other.gdtr
    idtr = idtr ?? other.idtr
    fpu = fpu ?? other.fpu
  }
}
