// Written by VMX/Layouts/sources/generate from layouts.json, which has the notes on each source.

extension LayoutCatalogue.Entry {
  static let vmwareNested = Self(
    id: "vmware-nested", revisionIDs: [0x1], headZeros: .max,
    text: """
      id vmware-nested
      processor VMware Workstation 9.0.1 nested VMX (32-bit guest, Sandy Bridge host)
      revision 0x1
      access-rights unknown
      confidence low
      source Actaeon (github.com/eurecom-s3/actaeon) plugin/hypervisors/vmcs_layouts/vmware_nested.py at
        ef308695a76211a3c8cdc9bcd9fb36b869b569f8

      VMCS_LINK_POINTER 744 8
      CR3_TARGET_VALUE0 1512 8
      GUEST_CR3 2224 8
      GUEST_RIP 2336 8
      HOST_CR3 2592 8
      HOST_RIP 2672 8
      """)
}
