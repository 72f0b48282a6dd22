import Encoders
import Engine
import Networks
import Tensors

/// Lumina 2's denoiser.
public typealias Lumina2Transformer2DModel = FolderDenoiser<Lumina2Network>

extension Lumina2Network: FolderDenoisingNetwork {
    /// How `DenoiserRegistry` opens it.
    static let entry = NetworkEntry<any Denoiser>(
        "lumina2", classes: ["Lumina2Transformer2DModel"], Lumina2Network.self)

    /// The network of a `config.json`.
    public convenience init(config: String) throws { try self.init(Lumina2Configuration(path: config)) }

    /// It reads the context and its mask.
    public var denoiserSizes: DenoiserSizes {
        DenoiserSizes(
            latentChannels: configuration.inputs, sampleSize: configuration.sampleSize,
            patchSize: configuration.patchSize, contextWidth: configuration.captionWidth, readsMask: true,
            notes: configuration.notes)
    }

    /// Noise less image, for texts whose padding is left out. The network itself counts time the other way, 0 for noise and 1
    /// for an image, and answers with image less noise. Texts of one length go through together: an image's places begin where
    /// its text ends.
    /// - Throws: `TensorError.value` for padding that does not come last.
    public func answer<X: Executor>(_ question: DenoiserQuestion, on executor: X) throws -> Tensor {
        let (latents, states) = (question.latents, question.conditioning.states)
        let time = 1 - question.timestep / 1000
        let lengths = try question.conditioning.seenTokens().map { length -> Int in
            guard let length else {
                throw TensorError.value(
                    operation: Self.operation,
                    message: "wanted texts whose tokens come first and whose padding comes last")
            }
            return length
        }
        if Set(lengths).count == 1 { return try run(latents, time, states.narrow(1, 0, lengths[0]), on: executor) }
        let result = try Tensor(uninitialized: latents.shape)
        for length in Set(lengths).sorted() {
            let places = lengths.indices.filter { lengths[$0] == length }
            let images = try Tensor.cat(places.map { try latents.narrow(0, $0, 1) }, axis: 0)
            let texts = try Tensor.cat(places.map { try states.narrow(0, $0, 1).narrow(1, 0, length) }, axis: 0)
            let answers = try run(images, time, texts, on: executor)
            for (row, place) in places.enumerated() {
                try result.narrow(0, place, 1).assign(from: answers.narrow(0, row, 1))
            }
        }
        return result
    }

    private func run<X: Executor>(_ latents: Tensor, _ time: Float, _ states: Tensor, on executor: X) throws -> Tensor {
        try executor.map(latents.shape[0], .fitted) { execution, rows -> [X.Run.Value] in
            let input = try execution.value(latents, rows: rows)
            let text = try execution.value(states, rows: rows)
            let answer = try self.forward(input, time: time, text: text, on: execution)
            return [try execution.affine(answer, factor: -1, summand: 0)]
        }[0]
    }
}
