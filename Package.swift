// swift-tools-version:6.0
import PackageDescription

// The rooms of the house and the doors between them: a target may import only what it lists here.
// Floors, from the ground, are those of ARCHITECTURE.md. What a target lists stands before it in this file: on a floor below, or on its own.

/// Kernels are the only code without overflow checks: they see pointers and counts that their callers have checked.
/// They are compiled for the machine that builds them; `make dist` names another that they are for. A run notes which.
let kernelTarget = Context.environment["CHEXGEN_MARCH"] ?? "native"
let kernelSettings: [SwiftSetting] = [.unsafeFlags(["-Ounchecked", "-Xcc", "-march=\(kernelTarget)"])]

/// Rooms without loops over pixels or numbers: they put others together, or write what a run left as pages, once a run or once a
/// picture. Optimizing them costs some 25 processor seconds of a clean build. The bindings of tensors are none of them.
let unoptimizedSettings: [SwiftSetting] = [.unsafeFlags(["-Onone"])]

func clibrary(
    _ name: String, links: [String] = [], dependencies: [Target.Dependency] = [], settings: [CSetting] = []
) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        path: "Sources/CLibraries/\(name)",
        cSettings: settings,
        linkerSettings: links.map { .linkedLibrary($0) })
}

func kernels(_ name: String, dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies + ["Threading"], swiftSettings: kernelSettings)
}

func tests(_ room: String, _ others: [Target.Dependency] = []) -> Target {
    .testTarget(name: room + "Tests", dependencies: [.byName(name: room), "TestSupport"] + others)
}

let package = Package(
    name: "chexgen",
    products: [
        .executable(name: "chexgen", targets: ["chexgen"]),
        // What `benchmarks/`, a package of its own, measures.
        .library(
            name: "ChexGen",
            targets: [
                "Launcher", "Encoders", "Diffusion", "Language", "Training", "Metrics", "Radiomics", "Engine",
                "EngineCPU",
                "Checkpoints", "Threading", "Tensors", "CSupport",
            ]),
    ],
    targets: [
        // 0: C libraries
        clibrary("CSupport", settings: [.define("CHEXGEN_MARCH", to: kernelTarget)]),
        clibrary("CProducts"),
        clibrary("CLua", links: ["lua5.4"], dependencies: ["CSupport"]),
        clibrary("COpenBLAS", links: ["openblas"]),
        clibrary("COneDNN", links: ["dnnl"]),
        clibrary("CPNG", links: ["png"]),
        clibrary("CTurboJPEG", links: ["turbojpeg"]),
        clibrary("CYAML", links: ["yaml"]),
        clibrary("CSQLite", links: ["sqlite3"]),
        clibrary("CZlib", links: ["z"]),
        clibrary("CLineEdit", links: ["edit"]),

        // 1: arrays and files
        .target(name: "Threading", dependencies: ["CSupport"]),
        kernels("ArrayKernels", dependencies: ["CProducts"]),
        .target(name: "Tensors", dependencies: ["ArrayKernels", "Threading", "CSupport", "COpenBLAS"]),

        // Kernels of one room each, so that touching one rebuilds its room alone.
        kernels("ImageKernels"),
        kernels("NetKernels", dependencies: ["ArrayKernels", "CProducts"]),
        kernels("MetricKernels", dependencies: ["CProducts"]),
        kernels("RadiomicsKernels"),

        .target(name: "Files", dependencies: ["CSupport", "CYAML", "CZlib"]),
        // Whose way a number is computed, and what it depends on.
        .target(name: "Identity", dependencies: ["Files"]),

        // 2: formats and engines
        .target(name: "Checkpoints", dependencies: ["Tensors", "Files", "CZlib"]),
        .target(name: "Engine", dependencies: ["Tensors", "Checkpoints", "Identity"]),
        .target(
            name: "EngineCPU", dependencies: ["Engine", "Identity", "Tensors", "NetKernels", "Threading", "COneDNN"]),
        // Which device a model runs on: what opens models names no engine.
        .target(name: "Devices", dependencies: ["Engine", "EngineCPU", "Identity", "Files"]),
        .target(
            name: "Recording",
            dependencies: ["Engine", "EngineCPU", "Identity", "Tensors", "NetKernels", "Threading", "COneDNN"]),
        .target(name: "Networks", dependencies: ["Engine", "Tensors", "Files"]),
        .target(
            name: "Imaging", dependencies: ["Tensors", "ImageKernels", "Threading", "Files", "CPNG", "CTurboJPEG"]),
        .target(name: "Datasets", dependencies: ["Tensors", "Files"]),
        .target(name: "Tokenizers", dependencies: ["Files"]),

        // 3: models and metrics
        .target(
            name: "Encoders",
            dependencies: [
                "Networks", "Engine", "Devices", "Tokenizers", "Checkpoints", "Imaging", "Identity", "Tensors",
                "Threading", "Files",
            ]),
        .target(
            name: "Training",
            dependencies: [
                "Networks", "Engine", "Devices", "Recording", "Checkpoints", "Imaging", "Tensors", "ArrayKernels",
                "NetKernels", "Threading", "Files",
            ]),
        .target(
            name: "Metrics",
            dependencies: ["Identity", "Tensors", "ArrayKernels", "MetricKernels", "Threading", "Files", "COpenBLAS"]),
        .target(
            name: "Radiomics",
            dependencies: ["Imaging", "Tensors", "ArrayKernels", "RadiomicsKernels", "Threading", "Files"]),
        .target(name: "Plotting", dependencies: ["Tensors", "Files"]),
        .target(
            name: "Language",
            dependencies: [
                "Encoders", "Training", "Networks", "Engine", "Devices", "Tokenizers", "Checkpoints", "Imaging",
                "Identity", "Tensors", "Threading", "Files",
            ]),
        .target(
            name: "Diffusion",
            dependencies: [
                "Language", "Encoders", "Networks", "Engine", "Devices", "Tokenizers", "Checkpoints", "Imaging",
                "Identity", "Tensors", "Files",
            ]),

        // 4: runs, Lua as a guest, and what puts models to work
        .target(name: "LuaRuntime", dependencies: ["CLua", "Files", "CSupport"]),
        .target(name: "Runs", dependencies: ["Identity", "Files", "CSupport"]),

        // What a run left behind, for readers: tables of models, pages.
        .target(
            name: "Results", dependencies: ["Runs", "Metrics", "Identity", "Imaging", "Files"],
            swiftSettings: unoptimizedSettings),

        // Images to numbers.
        .target(
            name: "Evaluation",
            dependencies: [
                "Encoders", "Radiomics", "Training", "Runs", "Datasets", "Imaging", "Identity", "Tensors", "Threading",
                "Files", "CSQLite",
            ]),

        // 5: what Lua sees
        .target(
            name: "ChexGenLua",
            dependencies: [
                "LuaRuntime", "Runs", "Results", "Evaluation", "Metrics", "Radiomics", "Plotting", "Encoders",
                "Language", "Devices", "Engine", "Tokenizers", "Training", "Datasets", "Imaging", "Checkpoints",
                "Identity", "Tensors", "Files",
            ]),
        // A room of its own, so that most bindings are compiled beside `Diffusion`.
        .target(
            name: "GeneratorBindings",
            dependencies: [
                "ChexGenLua", "Diffusion", "LuaRuntime", "Runs", "Evaluation", "Encoders", "Engine", "Tokenizers",
                "Imaging", "Tensors", "Files",
            ], swiftSettings: unoptimizedSettings),

        // 6: what a run consists of
        .target(
            name: "Launcher",
            dependencies: [
                "GeneratorBindings", "ChexGenLua", "LuaRuntime", "Results", "Runs", "Evaluation", "Diffusion",
                "Encoders", "Language", "Training", "Metrics", "Plotting", "Checkpoints", "Devices", "Engine",
                "Tensors", "Files", "CSupport", "COneDNN", "COpenBLAS",
            ], swiftSettings: unoptimizedSettings),

        // 7: the command line, which alone knows the sources that it was built from
        .plugin(name: "SourceIdentity", capability: .buildTool()),
        .target(name: "BuildIdentity", plugins: ["SourceIdentity"]),
        .executableTarget(
            name: "chexgen",
            dependencies: [
                "Launcher", "LuaRuntime", "Results", "Metrics", "Runs", "Files", "BuildIdentity", "CSupport",
                "CLineEdit",
            ], swiftSettings: unoptimizedSettings),

        // What all tests share: folders, messages, errors, seeds, values by formula, and the program as a child process.
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: [.unsafeFlags(["-O"])]),

        // Every operation and network in plain loops, and what compares executors with it.
        .target(
            name: "ReferenceExecution",
            dependencies: ["TestSupport", "Engine", "EngineCPU", "Devices", "Recording", "Identity", "Tensors"],
            path: "Tests/ReferenceExecution", swiftSettings: [.unsafeFlags(["-O"])]),

        // Folders of small pipelines, for the tests of generators and those of the command line.
        .target(
            name: "SmallPipelines", dependencies: ["TestSupport", "Diffusion", "Checkpoints", "Tensors"],
            path: "Tests/SmallPipelines"),

        tests("Files", ["CSupport"]),
        tests("Identity", ["Files"]),
        tests("Tensors", ["ArrayKernels"]),
        tests("Checkpoints", ["Tensors", "Files", "CZlib"]),
        tests("Engine", ["ReferenceExecution", "EngineCPU", "Recording", "Tensors", "Checkpoints"]),
        tests("Networks", ["ReferenceExecution", "Engine", "Tensors", "Files"]),
        tests(
            "Training",
            ["Engine", "EngineCPU", "Recording", "Checkpoints", "Imaging", "Identity", "Tensors", "Files"]),
        tests("Imaging", ["Tensors", "Files"]),
        tests("Datasets", ["Files"]),
        tests("Tokenizers", ["Files"]),
        tests(
            "Language",
            [
                "Encoders", "Training", "Networks", "Engine", "EngineCPU", "Checkpoints", "Imaging", "Identity",
                "Tensors", "Tokenizers", "Files",
            ]),
        tests(
            "Diffusion",
            [
                "SmallPipelines", "Language", "Encoders", "Networks", "EngineCPU", "Tokenizers", "Checkpoints",
                "Imaging", "Tensors", "Files",
            ]),
        tests("Encoders", ["Networks", "Engine", "Checkpoints", "Imaging", "Identity", "Tensors", "Files"]),
        tests("Metrics", ["Identity", "Tensors", "Files"]),
        tests("Radiomics", ["RadiomicsKernels", "Tensors", "Files"]),
        tests("Plotting"),
        tests("LuaRuntime", ["CSupport", "Files"]),
        tests("Runs", ["Identity", "Tensors", "Files"]),
        tests("Results", ["Runs", "Imaging", "Identity", "Files"]),
        tests(
            "Evaluation", ["Encoders", "Radiomics", "Training", "Imaging", "Datasets", "Identity", "Tensors", "Files"]),
        tests(
            "Launcher",
            [
                "ChexGenLua", "Diffusion", "Language", "Encoders", "Training", "Networks", "Engine", "EngineCPU",
                "Devices", "Checkpoints", "Tokenizers", "Metrics", "Results", "Runs", "Imaging", "Identity",
                "LuaRuntime", "Tensors", "Files",
            ]),
        .testTarget(
            name: "CommandLineTests", dependencies: ["chexgen", "SmallPipelines", "Files", "Imaging", "TestSupport"]),
    ],
    swiftLanguageModes: [.v5]
)
