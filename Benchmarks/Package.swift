// swift-tools-version: 6.3
import PackageDescription

/// The settings of the package that is measured: Swift 6, strict memory safety, warnings are errors.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6), .strictMemorySafety(), .treatAllWarnings(as: .error),
]

/// It does not depend on `..`: what is measured is the built program, as it ships.
let package = Package(
  name: "vmcs-bench",
  products: [
    .executable(name: "vmcs-bench", targets: ["vmcs-bench"]),
    .executable(name: "kdumpfile-pages", targets: ["kdumpfile-pages"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .executableTarget(
      name: "kdumpfile-pages",
      cSettings: [.treatAllWarnings(as: .error)],
      linkerSettings: [.linkedLibrary("dl")]),
    .executableTarget(
      name: "vmcs-bench",
      dependencies: [.product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: strict),
    .testTarget(
      name: "VMCSBenchTests",
      dependencies: ["vmcs-bench"],
      swiftSettings: strict),
  ]
)
