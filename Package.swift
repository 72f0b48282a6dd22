// swift-tools-version:6.0
import PackageDescription

// The rooms of the house and the doors between them: a target may import only what it lists here.
// Floors, from the ground: C libraries; Kernels and Tensors; one room a file format or engine; models and metrics;
// runs and the Lua runtime; the Lua modules; the command line.

/// Kernels are the only code without overflow checks: they see pointers and counts that their callers have checked.
let kernelSettings: [SwiftSetting] = [
    .unsafeFlags(["-Ounchecked", "-Xcc", "-march=native"])
]

func clibrary(_ name: String, links: [String] = [], dependencies: [Target.Dependency] = []) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        path: "Sources/CLibraries/\(name)",
        linkerSettings: links.map { .linkedLibrary($0) })
}

let package = Package(
    name: "chexgen",
    products: [
        .executable(name: "chexgen", targets: ["chexgen"]),
        .library(name: "ChexGen", targets: ["ChexGenLua"]),
    ],
    targets: [
        // 0: C libraries
        clibrary("CSupport"),
        clibrary("CLua", links: ["lua5.4"], dependencies: ["CSupport"]),
        clibrary("COpenBLAS", links: ["openblas"]),
        clibrary("COneDNN", links: ["dnnl"]),
        clibrary("CPNG", links: ["png"]),
        clibrary("CTurboJPEG", links: ["turbojpeg"]),
        clibrary("CYAML", links: ["yaml"]),
        clibrary("CSQLite", links: ["sqlite3"]),
        clibrary("CZlib", links: ["z"]),
        clibrary("CLineEdit", links: ["edit"]),

        // 1: arrays
        .target(name: "Kernels", dependencies: ["CSupport"], swiftSettings: kernelSettings),
        .target(name: "Tensors", dependencies: ["Kernels", "CSupport", "COpenBLAS"]),

        .target(name: "Files", dependencies: ["CSupport"]),

        // 2: formats and engines
        .target(name: "Checkpoints", dependencies: ["Tensors", "Files", "CZlib"]),
        .target(name: "NeuralNet", dependencies: ["Tensors", "Kernels", "Checkpoints", "COneDNN", "CSupport"]),
        .target(name: "Imaging", dependencies: ["Tensors", "Kernels", "CPNG", "CTurboJPEG"]),
        .target(name: "Datasets", dependencies: ["Tensors", "Files"]),
        .target(name: "Tokenizers", dependencies: ["Files"]),

        // 3: models and metrics
        .target(
            name: "Encoders",
            dependencies: ["NeuralNet", "Checkpoints", "Imaging", "Tensors", "Kernels", "Files"]),
        .target(
            name: "Training",
            dependencies: ["NeuralNet", "Checkpoints", "Imaging", "Datasets", "Tensors", "Kernels", "Files"]),
        .target(name: "Metrics", dependencies: ["Tensors", "Kernels", "Files", "COpenBLAS"]),
        .target(name: "Radiomics", dependencies: ["Metrics", "Imaging", "Tensors", "Kernels", "Files"]),
        .target(name: "Plotting", dependencies: ["Tensors", "Files"]),
        .target(
            name: "Diffusion",
            dependencies: ["Encoders", "Tokenizers", "NeuralNet", "Checkpoints", "Tensors", "Kernels", "Files"]),

        // 4: runs, and Lua as a guest
        .target(name: "LuaRuntime", dependencies: ["CLua", "Files", "CSupport"]),
        .target(name: "Runs", dependencies: ["Tensors", "Files", "CYAML", "CSQLite", "CSupport"]),

        // 5: what Lua sees
        .target(
            name: "ChexGenLua",
            dependencies: [
                "LuaRuntime", "Runs", "Metrics", "Radiomics", "Plotting", "Encoders", "Diffusion", "Tokenizers",
                "Training",
                "Datasets", "Imaging", "NeuralNet", "Checkpoints",
                "Tensors", "Files", "CSupport",
            ]),

        // 6: the command line
        .executableTarget(
            name: "chexgen",
            dependencies: [
                "ChexGenLua", "LuaRuntime", "Runs", "Encoders", "Tensors", "Files", "CSupport", "CLineEdit", "COneDNN",
                "COpenBLAS",
            ]),

        // Beside the house: our side of the benchmarks.
        .executableTarget(
            name: "chexgen-bench", dependencies: ["Encoders", "Checkpoints", "Tensors", "CSupport"],
            path: "benchmarks/Sources"),
        .executableTarget(
            name: "training-bench", dependencies: ["Training", "NeuralNet", "Tensors", "CSupport"],
            path: "benchmarks/TrainingBench"),
        .executableTarget(
            name: "metrics-bench", dependencies: ["Metrics", "Tensors", "CSupport"], path: "benchmarks/MetricsBench"),

        .executableTarget(
            name: "radiomics-bench", dependencies: ["Radiomics", "CSupport"], path: "benchmarks/RadiomicsBench"),
        .executableTarget(
            name: "diffusion-bench",
            dependencies: ["Diffusion", "Encoders", "Tokenizers", "NeuralNet", "Checkpoints", "Tensors", "CSupport"],
            path: "benchmarks/DiffusionBench"),

        // What tests share with the scripts of Tests/Parity.
        .target(name: "ParityFormula", path: "Tests/ParityFormula"),

        .testTarget(name: "FilesTests", dependencies: ["Files"]),
        .testTarget(name: "TensorsTests", dependencies: ["Tensors", "Kernels"]),
        .testTarget(name: "CheckpointsTests", dependencies: ["Checkpoints", "Tensors"]),
        .testTarget(name: "NeuralNetTests", dependencies: ["ParityFormula", "NeuralNet", "Tensors"]),
        .testTarget(
            name: "TrainingTests",
            dependencies: ["Training", "NeuralNet", "Checkpoints", "Imaging", "Datasets", "Tensors", "Files"]),
        .testTarget(name: "ImagingTests", dependencies: ["Imaging", "Tensors", "Files"]),
        .testTarget(name: "DatasetsTests", dependencies: ["Datasets", "Tensors"]),
        .testTarget(name: "TokenizersTests", dependencies: ["Tokenizers", "Files"]),
        .testTarget(
            name: "DiffusionTests",
            dependencies: ["ParityFormula", "Diffusion", "Encoders", "Tokenizers", "Checkpoints", "Tensors", "Files"]),
        .testTarget(
            name: "EncodersTests",
            dependencies: ["ParityFormula", "Encoders", "NeuralNet", "Checkpoints", "Imaging", "Tensors"]),
        .testTarget(name: "MetricsTests", dependencies: ["Metrics", "Tensors", "Files"]),
        .testTarget(name: "RadiomicsTests", dependencies: ["Radiomics", "Metrics", "Kernels", "Tensors", "Files"]),
        .testTarget(name: "PlottingTests", dependencies: ["Plotting"]),
        .testTarget(name: "LuaRuntimeTests", dependencies: ["LuaRuntime"]),
        .testTarget(name: "RunsTests", dependencies: ["Runs", "Tensors"]),
        .testTarget(name: "ChexGenLuaTests", dependencies: ["ChexGenLua", "LuaRuntime", "Runs"]),
        .testTarget(name: "CommandLineTests", dependencies: []),
    ],
    swiftLanguageModes: [.v5]
)
