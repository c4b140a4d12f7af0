// swift-tools-version: 6.3
import PackageDescription

/// The settings of the package that is measured: Swift 6, strict memory safety, warnings are errors.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6), .strictMemorySafety(), .treatAllWarnings(as: .error),
]

/// Of `..` it takes HostModel alone, which describes a host and knows nothing of the product: what is measured is the
/// built program, as it ships.
let package = Package(
  name: "vmcs-bench",
  products: [
    .executable(name: "vmcs-bench", targets: ["vmcs-bench"]),
    .executable(name: "kdumpfile-pages", targets: ["kdumpfile-pages"]),
    .executable(name: "codec-pages", targets: ["codec-pages"]),
    .executable(name: "host-maker", targets: ["host-maker"]),
  ],
  dependencies: [
    .package(name: "vmcs-split", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    .executableTarget(
      name: "kdumpfile-pages",
      cSettings: [.treatAllWarnings(as: .error)],
      linkerSettings: [.linkedLibrary("dl")]),
    .target(
      name: "CPageCodecs",
      cSettings: [.treatAllWarnings(as: .error)],
      linkerSettings: [
        .linkedLibrary("lzo2"), .linkedLibrary("snappy"), .linkedLibrary("z"), .linkedLibrary("zstd"),
        .linkedLibrary("deflate"),
      ]),
    .executableTarget(
      name: "codec-pages",
      dependencies: ["CPageCodecs"],
      cSettings: [.treatAllWarnings(as: .error)]),
    .executableTarget(
      name: "host-maker",
      dependencies: [
        "CPageCodecs", .product(name: "HostModel", package: "vmcs-split"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "vmcs-bench",
      dependencies: [.product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: strict),
    .testTarget(
      name: "VMCSBenchTests",
      dependencies: ["vmcs-bench"],
      swiftSettings: strict),
    .testTarget(
      name: "HostMakerTests",
      dependencies: ["host-maker", "CPageCodecs", .product(name: "HostModel", package: "vmcs-split")],
      swiftSettings: strict),
  ]
)
