import CLinux

/// Signals that ask the program to end, or to stop writing. By `sigaction`, which works also where no thread can be made.
public enum NotedSignals {
  /// From now on the first signal is noted, and a second one ends the program at once. A closed pipe and a file that
  /// would become too large are errors of the write. Call it once, early.
  public static func watch() { clinux_note_signals() }

  /// Call it before the line that says why the program ends: a second signal then ends it without a line of its own.
  public static func whyIsSaid() { clinux_why_is_said() }

  /// The signal that was noted, 0 when none was.
  public static var first: Int32 { clinux_noted_signal() }
}
