/// One vCPU's object and the region whose guest it runs.
struct VCPUObject: Sendable {
  let evidence: VCPUEvidence
  /// Physical address of the object.
  let start: UInt64
  let bytes: PhysicalBytes
  /// The vCPU's own region, which names its virtual-APIC page.
  let own: RegionFacts
  /// The region whose guest the registers belong to, where it is known.
  let active: RegionFacts?
  /// No other region is its vCPU's.
  let isLone: Bool
}
