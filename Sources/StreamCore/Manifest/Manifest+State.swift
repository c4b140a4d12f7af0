extension Manifest {
  /// What one who reads a guest's dump needs to know of its host.
  public struct Host: Encodable, Sendable, Equatable {
    public var kernelRelease: String?
    /// When it crashed: seconds since 1970, as its kernel wrote them.
    public var crashTime: UInt64?
    /// The same by the clock of its log: of the panic, else of the log's last line; nanoseconds.
    public var crashLogTime: UInt64?
    public var panic: Line?
    /// `tainted_mask`.
    public var taint: HexString?
    /// The dump itself; in manifests of a split alone.
    public var dump: Dump?
  }

  /// Where the host's dump lay, as the command line said it.
  public struct Dump: Encodable, Sendable, Equatable {
    public var path: String
    /// The path's bytes, hexadecimal, where they are no UTF-8 and `path` shows them escaped.
    public var pathBytes: String?
    public var size: UInt64
  }

  /// A line of a kernel's log, its text cut.
  public struct Line: Encodable, Sendable, Equatable {
    /// By the clock of that log, nanoseconds.
    public var time: UInt64
    public var text: String
  }

  /// The first of several lines of a kind.
  public struct Lines: Encodable, Sendable, Equatable {
    public var count: Int
    public var first: Line
  }

  /// How a guest was when the host crashed. Lines are its own kernel's word.
  public struct State: Encodable, Sendable, Equatable {
    /// Its own clock at the crash, nanoseconds.
    public var uptime: UInt64?
    /// When one of its vCPUs was on a CPU: "at_crash", "before" or "never".
    public var lastRan: String?
    /// For how long none had been, nanoseconds.
    public var notRunFor: UInt64?
    public var panic: Line?
    public var oops: Line?
    public var softLockups: Lines?
    public var hungTasks: Lines?
    public var lastLine: Line?
  }

  /// A guest's clocks, and how its log's is told by the host's.
  public struct Clock: Encodable, Sendable, Equatable {
    /// What its log's clock is made of: "kvmclock" or "tsc".
    public var source: String?
    /// To be added to a stamp of the guest's log for one of the host's, nanoseconds.
    public var toHost: Int64?
    /// How far that can be off, nanoseconds.
    public var uncertainty: UInt64?
    /// Stamps of the guest's log before `until` can be off by so much more, nanoseconds.
    public var early: Early?
    /// Stamps from before its VMM stopped it, if it did, are too late by as long as that was: by so much at most,
    /// nanoseconds.
    public var stops: UInt64?
    /// Its kvm-clock's 0 by the host's log, nanoseconds.
    public var began: Int64?
    /// Why the guest's stamps cannot be told by the host's.
    public var unknown: String?
    public var kvmclockOffset: Int64?
    public var master: Master?
    public var vcpus: [VCPU]?

    public struct Early: Encodable, Sendable, Equatable {
      public var until: UInt64
      public var uncertainty: UInt64
    }

    /// The host's time since boot, nanoseconds, when its counter stood there.
    public struct Master: Encodable, Sendable, Equatable {
      public var kernel: UInt64
      public var tsc: UInt64
    }

    /// The guest's time stamp counter is the host's, multiplied and with the offset added.
    public struct VCPU: Encodable, Sendable, Equatable {
      public var index: Int
      public var tscOffset: Int64?
      /// With 48 bits behind the point on Intel's processors, 32 on AMD's.
      public var tscMultiplier: HexString?
      /// What KVM last told the guest of its kvm-clock: the guest's counter, and the time then.
      public var pvclock: Master?
    }
  }
}
