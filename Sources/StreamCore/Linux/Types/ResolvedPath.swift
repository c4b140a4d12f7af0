/// A path whose every step the types have answered: to be read of many objects.
struct ResolvedPath: Sendable, Equatable {
  let text: String
  /// Where the pointers stand that are followed, in bytes, each in what the one before led to.
  let hops: [Int]
  /// The last member, in what the last pointer led to.
  let member: KernelMember
}
