// swift-tools-version: 6.3
import PackageDescription

/// Every target of ours: Swift 6, strict memory safety, warnings are errors.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6), .strictMemorySafety(), .treatAllWarnings(as: .error),
]

/// Optimised in debug builds, too: tests run the code that users run, in a quarter of the time. Who wants to look at it
/// in a debugger builds with `-Xswiftc -Onone`.
let optimised = strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]

/// What `--version` says of the sources.
let commit =
  Context.gitInformation.map { $0.currentCommit.prefix(12) + ($0.hasUncommittedChanges ? " with changes" : "") }
  ?? "unknown"

let package = Package(
  name: "vmcs-split",
  products: [
    .library(name: "StreamCore", targets: ["StreamCore"]),
    .library(name: "HostModel", targets: ["HostModel"]),
    .executable(name: "vmcs-split", targets: ["vmcs-split"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .systemLibrary(name: "CLzo2", providers: [.apt(["liblzo2-dev"])]),
    .systemLibrary(name: "CSnappy", providers: [.apt(["libsnappy-dev"])]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CDeflate", providers: [.apt(["libdeflate-dev"])]),
    .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CLzma", providers: [.apt(["liblzma-dev"])]),
    .systemLibrary(name: "CLz4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "CNettle", providers: [.apt(["nettle-dev"])]),
    .target(name: "CLinux", cSettings: [.define("VMCS_SPLIT_COMMIT", to: "\"\(commit)\"")]),
    .target(name: "CProcess", dependencies: ["CLinux"]),
    .target(
      name: "StreamCore",
      dependencies: [
        "CLzo2", "CSnappy", "CZlib", "CDeflate", "CZstd", "CLzma", "CLz4", "CNettle", "CLinux",
      ],
      exclude: ["VMX/Layouts/sources"],
      swiftSettings: optimised),
    .executableTarget(
      name: "vmcs-split",
      dependencies: [
        "StreamCore", "CProcess", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    // What tests and benchmarks are made of, apart from what is tested: neither knows StreamCore.
    .target(name: "HostModel", path: "Tests/HostModel", swiftSettings: optimised),
    .target(
      name: "HostRecipes",
      dependencies: ["HostModel", "CLzo2", "CSnappy", "CZlib", "CZstd", "CLzma", "CLz4"],
      path: "Tests/HostRecipes",
      swiftSettings: optimised),
    .testTarget(
      name: "StreamCoreTests",
      dependencies: ["StreamCore", "HostModel", "HostRecipes", "CLzo2", "CSnappy", "CZlib", "CZstd"],
      swiftSettings: strict),
  ]
)
