import Checkpoints
import Diffusion
import Encoders
import Engine
import EngineCPU
import Foundation
import Tensors

/// Text to image: a guided step of a denoiser, a text, a decode, a picture, and what the processor reaches on large products.
func benchDiffusion(_ arguments: [String]) throws {
    switch (arguments.first, arguments.count) {
    case ("denoiser", 6...8):
        // A folder, a dtype, latents, a context, of some networks vectors of the texts and a guidance scale, the answer's file.
        let denoiser = try DenoiserRegistry.standard.open(arguments[1], dtype: dtype(arguments, 2))
        let inputs = try arguments[3..<min(6, arguments.count - 1)].map { try NumPyFile.load($0) }
        let texts = Conditioning(states: inputs[1], pooled: inputs.count > 2 ? inputs[2] : nil)
        let guidance = arguments.count > 7 ? Float(arguments[6]) : nil
        func answer() throws -> Tensor {
            try denoiser.forward(inputs[0], timestep: 500, conditioning: texts, guidance: guidance)
        }
        try NumPyFile.save(arguments[arguments.count - 1], answer())
        try serve {
            _ = try answer()
            return []
        }
    case ("text", 5):
        let encoder = try TextEncoderRegistry.standard.open(arguments[1], dtype: dtype(arguments, 2))
        let ids = try NumPyFile.load(arguments[3])
        try NumPyFile.save(arguments[4], encoder.states(ids))
        try serve {
            _ = try encoder.states(ids)
            return []
        }
    case ("vae", 5):
        let vae = try AutoencoderRegistry.standard.open(arguments[1], dtype: dtype(arguments, 2))
        let latents = try NumPyFile.load(arguments[3])
        try NumPyFile.save(arguments[4], vae.decode(latents))
        try serve {
            _ = try vae.decode(latents)
            return []
        }
    case ("picture", 4):
        guard let steps = Int(arguments[3]) else { throw Usage() }
        try benchPicture(arguments[1], dtype(arguments, 2), steps: steps)
    case ("peak", 2):
        let candidates = try products(dtype(arguments, 1))
        for candidate in candidates { try candidate.run() }
        try serve {
            var best = 0.0
            for candidate in candidates {
                for _ in 0..<5 {
                    let start = DispatchTime.now().uptimeNanoseconds
                    try candidate.run()
                    best = max(best, candidate.operations / Double(DispatchTime.now().uptimeNanoseconds - start))
                }
            }
            return [best]
        }
    default: throw Usage()
    }
}

/// One picture of 512 × 512 a line.
private func benchPicture(_ folder: String, _ dtype: DType, steps: Int) throws {
    let pipeline = try PipelineRegistry.standard.open(PipelineFolder(folder), dtype: dtype)
    var options = GenerationOptions(prompts: ["no acute cardiopulmonary process"], seeds: [42], pipeline.defaults)
    (options.width, options.height, options.steps) = (512, 512, steps)
    try serve {
        let process = try pipeline.begin(options)
        while !process.isDone { try process.advance() }
        _ = try pipeline.finish(process, isTiled: false)
        return []
    }
}

/// Products of shapes that suit the processor, as closures with their number of operations.
private func products(_ dtype: DType) throws -> [(operations: Double, run: () throws -> Void)] {
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
    let convolved = 2 * Double(side * side * 512 * 512 * 9)
    var result: [(Double, () throws -> Void)] = [
        (product, { try executor.run { _ = try $0.linear(linear, x) } }),
        (convolved, { try executor.run { _ = try $0.convolution(convolution, image) } }),
    ]
    if dtype == .f32 {
        let square = try normal([channels, channels])
        result.append((product, { _ = try x.matmul(square) }))
    }
    return result
}
