// swift-tools-version:6.0
import PackageDescription

// Our side of the benchmarks. A package of its own, so that neither the program nor the tests build it; a package that is found by its
// path may have unsafe flags, as the kernels' are.
let package = Package(
    name: "chexgen-benchmarks",
    dependencies: [.package(name: "chexgen", path: "..")],
    targets: [
        .executableTarget(
            name: "chexgen-bench", dependencies: [.product(name: "ChexGen", package: "chexgen")])
    ],
    swiftLanguageModes: [.v5]
)
