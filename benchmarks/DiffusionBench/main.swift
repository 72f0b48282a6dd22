import CSupport
import Checkpoints
import Diffusion
import Engine
import EngineCPU
import Foundation
import Tensors

// Our side of the benchmark of text to image; CHEXGEN_THREADS sets the threads.
//   diffusion-bench unet FOLDER DTYPE LATENTS.npy CONTEXT.npy OUT.npy
//   diffusion-bench vae FOLDER DTYPE LATENTS.npy OUT.npy
//   diffusion-bench peak DTYPE
//   diffusion-bench picture FOLDER DTYPE STEPS
// The first two load a network, save its answer, and then answer again each time a line arrives, printing the seconds. The
// third prints for each line the fastest billions of operations a second of a few large products. The last makes one
// picture of 512 x 512 and prints the seconds and the largest resident size in MiB.

cx_calm_threads(CommandLine.unsafeArgv)

struct Usage: Error {}

func seconds() -> Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }

/// Says `ready`, then does `body` for every line that arrives, and prints what it gives.
func serve(_ body: () throws -> Double) throws {
    print("ready")
    fflush(stdout)
    while readLine() != nil {
        print(try body())
        fflush(stdout)
    }
}

func time(_ body: () throws -> Void) rethrows -> Double {
    let start = seconds()
    try body()
    return seconds() - start
}

/// The process's largest resident size so far, in MiB. (`getrusage` would count the parent's pages before `exec`.)
func peakMemory() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    for line in status.split(separator: "\n") where line.hasPrefix("VmHWM:") {
        return (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) / 1024
    }
    return 0
}

/// Products of shapes that suit the processor, as closures with their number of operations.
func products(_ dtype: DType) throws -> [(operations: Double, run: () throws -> Void)] {
    let executor = try CPUExecutor(dtype: dtype)
    let scope = ParameterScope()
    let (rows, channels, side) = (4096, 2048, 64)
    let linear = Linear(scope["linear"], inputs: channels, outputs: channels)
    let convolution = Convolution2D(
        scope["convolution"], inputs: 512, outputs: 512, kernel: (3, 3), padding: (1, 1))
    let generator = TorchGenerator(seed: 1)
    func normal(_ shape: [Int]) throws -> Tensor {
        let values = try Tensor(uninitialized: shape)
        try values.withElements(Float.self) { generator.normal(into: $0) }
        return values
    }
    for parameter in scope.parameters { try parameter.load(normal(parameter.shape)) }
    let (x, image) = (try normal([rows, channels]).to(dtype), try normal([1, side, side, 512]).to(dtype))
    let product = 2 * Double(rows) * Double(channels) * Double(channels)
    var result: [(Double, () throws -> Void)] = [
        (product, { try executor.run { _ = try $0.linear(linear, x) } }),
        (
            2 * Double(side * side * 512 * 512 * 9),
            { try executor.run { _ = try $0.convolution(convolution, image) } }
        ),
    ]
    if dtype == .f32 {
        let square = try normal([channels, channels])
        result.append((product, { _ = try x.matmul(square) }))
    }
    return result
}

func picture(_ folder: String, _ dtype: DType, steps: Int) throws {
    let pipeline = try PipelineRegistry.standard.open(PipelineFolder(folder), dtype: dtype)
    var options = GenerationOptions(
        prompts: ["no acute cardiopulmonary process"], seeds: [42], pipeline.defaults)
    (options.width, options.height) = (512, 512)
    options.steps = steps
    let taken = try time {
        let process = try pipeline.begin(options)
        while !process.isDone { try process.advance() }
        _ = try pipeline.finish(process, isTiled: false)
    }
    print(taken, try peakMemory())
}

func run(_ arguments: [String]) throws {
    cx_set_threads(Int32(ProcessInfo.processInfo.environment["CHEXGEN_THREADS"] ?? "") ?? cx_threads())
    func dtype(_ index: Int) throws -> DType {
        guard index < arguments.count, let dtype = DType(rawValue: arguments[index]) else { throw Usage() }
        return dtype
    }
    switch (arguments.first, arguments.count) {
    case ("unet", 6):
        let unet = try UNet2DConditionModel(arguments[1], dtype: dtype(2))
        let (latents, context) = (try NumPyFile.load(arguments[3]), try NumPyFile.load(arguments[4]))
        try NumPyFile.save(arguments[5], unet.forward(latents, timestep: 500, context: context))
        try serve { try time { _ = try unet.forward(latents, timestep: 500, context: context) } }
    case ("vae", 5):
        let vae = try AutoencoderKL(arguments[1], dtype: dtype(2))
        let latents = try NumPyFile.load(arguments[3])
        try NumPyFile.save(arguments[4], vae.decode(latents))
        try serve { try time { _ = try vae.decode(latents) } }
    case ("peak", 2):
        let candidates = try products(dtype(1))
        for candidate in candidates { try candidate.run() }
        try serve {
            var best = 0.0
            for candidate in candidates {
                for _ in 0..<5 { best = max(best, candidate.operations / (try time(candidate.run)) / 1e9) }
            }
            return best
        }
    case ("picture", 4):
        guard let steps = Int(arguments[3]) else { throw Usage() }
        try picture(arguments[1], dtype(2), steps: steps)
    default: throw Usage()
    }
}

do { try run(Array(CommandLine.arguments.dropFirst())) } catch is Usage {
    FileHandle.standardError.write(
        Data("usage: diffusion-bench unet|vae|peak|picture …; the head of its source says what each wants\n".utf8))
    exit(2)
} catch {
    FileHandle.standardError.write(Data("diffusion-bench: \(error)\n".utf8))
    exit(1)
}
