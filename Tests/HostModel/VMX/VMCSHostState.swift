/// The host's side of a region: what KVM writes into it for the CPU and the thread that run the vCPU.
struct VMCSHostState: Sendable {
  var cr3: UInt64 = 0
  var cr4: UInt64 = 0
  var gsBase: UInt64 = 0
  var fsBase: UInt64 = 0
  var rsp: UInt64 = 0
  var rip: UInt64 = 0
  var trBase: UInt64 = 0
  var gdtrBase: UInt64 = 0
  var sysenterEIP: UInt64 = 0
}

/// Physical addresses that a region names.
struct VMCSPointers: Sendable {
  var ept: UInt64 = 0
  var msrBitmap: UInt64 = 0
  var virtualAPIC: UInt64 = 0
  var apicAccess: UInt64 = 0
  var entryMSRLoad: UInt64 = 0
  var exitMSRLoad: UInt64 = 0
  var vmread: UInt64 = 0
  var vmwrite: UInt64 = 0
  var pml: UInt64 = 0
}

/// The control words of a region, which `loaded_vmcs.controls_shadow` repeats. Source: Documentation/vmcs.md §3, as
/// measured.
struct VMCSControls: Sendable {
  var pin: UInt64 = 0x7f
  var processor: UInt64 = 0xb5a0_6dfa
  var secondary: UInt64 = 0x34fa
  var exit: UInt64 = 0xbefff
  var entry: UInt64 = 0x53ff

  init(_ cpu: GuestCPU, isXAPIC: Bool) {
    if !cpu.isLongMode { entry &= ~(1 << 9) }
    if cpu.loadsEFER {
      entry |= 1 << 15
      exit |= 1 << 20 | 1 << 21
    }
    // Bit 0 virtualizes xAPIC accesses, bit 4 x2APIC mode.
    if isXAPIC { secondary = secondary & ~(1 << 4) | 1 }
  }
}
