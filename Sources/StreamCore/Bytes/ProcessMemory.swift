import CLinux

/// How the whole process allocates memory: the program's own decision, never the library's.
public enum ProcessMemory {
  /// One arena for all threads, which grows in large steps. By default each thread has its own, and that grows by one
  /// system call for nearly every page that is decoded. Call it before there are threads.
  public static func useOneArena() { clinux_allocate_from_one_arena() }

  /// Blocks of some MiB, as the steps of a split need one after the other, are kept when they are freed. Measured on a
  /// host of 4 GiB that became ELF: an eighth of the CPU time. Call it before there are threads.
  public static func keepLargeBlocks() { clinux_keep_large_blocks() }
}
