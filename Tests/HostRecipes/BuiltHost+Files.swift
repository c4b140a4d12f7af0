import HostModel

extension BuiltHost {
  /// The vmlinux of the host's kernel, whatever of that its memory shows.
  package var vmlinux: ElfObject? { spec.fullDescription.map(kernel.vmlinux) }

  /// The file of a module of the host.
  package func moduleFile(_ name: String) -> ElfObject? {
    spec.fullDescription.map { module.moduleFile(name, $0, of: kernel) }
  }
}
