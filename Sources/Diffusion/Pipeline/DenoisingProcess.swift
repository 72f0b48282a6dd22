import Tensors

/// One run of a diffusion pipeline from noise to latents.
public final class DenoisingProcess: GenerationProcess {
    /// The latents after the last step, f32 `[N, H, W, C]`.
    public private(set) var latents: Tensor
    /// For each prompt, how many tokens were cut off.
    public let lostTokens: [Int]
    /// Pixels of the pictures that were asked for.
    let size: (width: Int, height: Int)
    private let denoiser: any Denoiser
    private let scheduler: any Scheduler
    private let noise: LatentNoise
    private let texts: Texts
    private let embeddedGuidance: Float?

    /// What the denoiser is asked with.
    struct Texts {
        /// The prompts.
        let prompts: Conditioning
        /// The negative texts and then the prompts, and what becomes of the answers; nil where there is one branch.
        let guided: (both: Conditioning, guidance: any Guidance)?
        /// For each prompt, how many tokens were cut off.
        let lost: [Int]
    }

    init(
        denoiser: any Denoiser, scheduler: any Scheduler, noise: LatentNoise, latents: Tensor,
        size: (width: Int, height: Int), embeddedGuidance: Float?, texts: Texts
    ) {
        self.embeddedGuidance = embeddedGuidance
        self.size = size
        self.denoiser = denoiser
        self.scheduler = scheduler
        self.noise = noise
        self.latents = latents
        self.texts = texts
        lostTokens = texts.lost
    }

    /// Calls of the denoiser in all; some schedulers have more than steps.
    public var steps: Int { scheduler.timesteps.count }
    /// Calls of the denoiser that are done.
    public var stepsDone: Int { scheduler.stepIndex }

    /// Does the next step.
    /// - Throws: `TensorError.value` where the latents are not finite afterwards: they cannot become a picture. What
    ///   the denoiser and the scheduler throw.
    public func advance() throws {
        let step = stepsDone
        guard step < steps else {
            throw TensorError.value(operation: "generate", message: "all \(steps) steps are done")
        }
        let answer = try answer(scheduler.modelInput(latents), step)
        latents = try scheduler.step(
            answer, sample: latents, noise: scheduler.needsNoise ? noise.next() : nil)
        try checkFinite(step)
    }

    private func answer(_ input: Tensor, _ step: Int) throws -> Tensor {
        let timestep = scheduler.timesteps[step]
        guard let (both, guidance) = texts.guided, guidance.isUsed(step: step, of: steps) else {
            return try denoiser.forward(
                input, timestep: timestep, conditioning: texts.prompts, guidance: embeddedGuidance)
        }
        let answers = try denoiser.forward(
            Tensor.cat([input, input], axis: 0), timestep: timestep, conditioning: both,
            guidance: embeddedGuidance)
        let count = input.shape[0]
        return try guidance.combine(
            negative: answers.narrow(0, 0, count), positive: answers.narrow(0, count, count))
    }

    private func checkFinite(_ step: Int) throws {
        let size = latents.count / max(1, latents.shape[0])
        try latents.contiguous().withElements(Float.self) { values in
            guard let place = values.firstIndex(where: { !$0.isFinite }) else { return }
            throw TensorError.value(
                operation: "generate",
                message: "after step \(step + 1) of \(steps) the latents of picture \(place / max(1, size) + 1) hold "
                    + "\(values[place])")
        }
    }

    /// Everything that the rest of the run depends on beside the pipeline and the options.
    public func state() throws -> [String: Tensor] {
        var result = try scheduler.state().map { ("scheduler." + $0.key, $0.value) }
        result.append(("latents", latents))
        result.append(("draws", try Tensor([Int64(noise.draws)], shape: [1])))
        return Dictionary(result, uniquingKeysWith: { first, _ in first })
    }

    /// Goes on where `state` was taken in a process with the same pipeline and options.
    /// - Throws: `TensorError.value` for the state of another run, or one that holds nonsense.
    public func restore(_ state: [String: Tensor]) throws {
        func fault(_ message: String) -> TensorError { .value(operation: "generate", message: message) }
        guard let saved = state["latents"], saved.shape == latents.shape, saved.dtype == .f32 else {
            throw fault("the saved state has no latents f32 \(Tensor.text(latents.shape))")
        }
        guard let draws = state["draws"], draws.dtype == .i64, draws.count == 1,
            let count = try draws.array(Int64.self).first, (0...100_000).contains(count)
        else { throw fault("the saved state does not say how much noise was drawn") }
        var inner: [String: Tensor] = [:]
        for (name, tensor) in state where name.hasPrefix("scheduler.") {
            inner[String(name.dropFirst("scheduler.".count))] = tensor
        }
        try scheduler.restore(inner)
        try noise.seek(Int(count))
        latents = try saved.clone()
    }
}
