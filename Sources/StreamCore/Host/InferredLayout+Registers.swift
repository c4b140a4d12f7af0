extension InferredLayout {
  /// The registers whose fields are told apart, with these fields.
  private static let fields: [(register: Register, field: VMCSField)] = [
    (.rip, .GUEST_RIP), (.rsp, .GUEST_RSP), (.rflags, .GUEST_RFLAGS), (.cr0, .GUEST_CR0), (.cr3, .GUEST_CR3),
    (.cr4, .GUEST_CR4), (.dr7, .GUEST_DR7), (.pat, .GUEST_IA32_PAT), (.sysenter_cs, .GUEST_SYSENTER_CS),
    (.sysenter_esp, .GUEST_SYSENTER_ESP), (.sysenter_eip, .GUEST_SYSENTER_EIP),
  ]

  /// All fields that registers are read from.
  static let needed =
    fields.map(\.field)
    + [
      .CR0_GUEST_HOST_MASK, .CR0_READ_SHADOW, .CR4_GUEST_HOST_MASK, .CR4_READ_SHADOW, .GUEST_GDTR_BASE,
      .GUEST_GDTR_LIMIT, .GUEST_IDTR_BASE, .GUEST_IDTR_LIMIT, .VM_ENTRY_CONTROLS, .CPU_BASED_VM_EXEC_CONTROL,
      .SECONDARY_VM_EXEC_CONTROL,
    ]
    + SegmentRegister.allCases.flatMap { register in SegmentPart.allCases.map { $0.field(register) } }

  /// A region by all that is settled of it; `nil`: the dump lacks it.
  func region(at address: HPA) -> VMCSRegion? {
    guard let clues = inference.regions.first(where: { $0.address == address }) else { return nil }
    var region = VMCSRegion(address: address, page: clues.page, layout: layout)
    region.known = inference.values[address] ?? [:]
    return region
  }

  /// Adds to a vCPU's registers what its region tells beyond KVM's own copies, and says of the others where they can
  /// stand.
  func add(to state: inout RegisterState, of address: HPA) {
    guard let region = region(at: address) else { return }
    state.fill(with: region.registerState(hostLoadsEFER: false))
    for (register, field) in Self.fields where state[register] == nil {
      state.reasons[register.rawValue] = openness(of: [field])
    }
    for register in SegmentRegister.allCases where state.segments[register] == nil {
      let fields = SegmentPart.allCases.map { $0.field(register) }.filter { region[$0] == nil }
      state.reasons[register.rawValue] = openness(of: fields)
    }
    if state.gdtr == nil { state.reasons["gdtr"] = openness(of: [.GUEST_GDTR_BASE, .GUEST_GDTR_LIMIT]) }
    if state.idtr == nil { state.reasons["idtr"] = openness(of: [.GUEST_IDTR_BASE, .GUEST_IDTR_LIMIT]) }
  }

  /// Where fields can lie, in words; of one with many places how many these are.
  private func openness(of fields: [VMCSField]) -> String? {
    let lines = fields.compactMap { field -> String? in
      guard let outcome = inference.fields.first(where: { $0.field == field })?.outcome else { return nil }
      switch outcome {
      case .sure: return nil
      case .agreed(let offsets), .open(let offsets):
        if offsets.isEmpty { return "nothing tells where \(field.name) lies" }
        if offsets.count > 16 { return "\(field.name) can lie at \(offsets.count) places of the VMCS" }
        return "\(field.name) can lie at \(offsets.map { hex(UInt32($0)) }.joined(separator: ", ")) of the VMCS"
      case .notThere: return "no place of the VMCS holds what \(field.name) must hold"
      }
    }
    return lines.isEmpty ? nil : lines.joined(separator: "; ")
  }
}
