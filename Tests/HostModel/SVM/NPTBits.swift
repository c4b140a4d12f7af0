/// Entries of NPT as KVM writes them, found so on a real host, without the address and the C-bit. Source:
/// Documentation/amd.md §4.
public enum NPTBits {
  /// A link to the next table: present, writable, user, accessed, dirty, and KVM's mark of a shadow page that is present.
  public static let table: UInt64 = 0x867
  /// RAM; 2 MiB and more also have `EPTBits.large`.
  public static let memory: UInt64 = 0xe67
}
