import Diffusion
import Dispatch
import Imaging
import Tensors

/// Makes pictures one after the other, each alone, and keeps the one under way in a file.
struct PipelineGeneration {
    /// How far a picture has come.
    struct Moment {
        /// The picture, from 0.
        let image: Int
        /// Calls of the denoiser that are done, and all.
        let step, steps: Int
        /// The latents after the step; nil where the steps were done before and have just been read back.
        let latents: Tensor?
    }

    /// What was made.
    struct Outcome {
        var images: [Image] = []
        var lostTokens: [Int] = []
    }

    let pipeline: StableDiffusionPipeline
    let options: GenerationOptions
    /// Decode in overlapping tiles.
    var isTiled = false
    /// Where the picture under way is kept.
    var statePath: String?

    /// How often the state is written, in seconds: what a killed process may lose.
    private static let saveEvery = 10.0
    /// Seconds of a clock that only goes forward.
    private static var now: Double { Double(DispatchTime.now().uptimeNanoseconds) * 1e-9 }

    init(pipeline: StableDiffusionPipeline, options: GenerationOptions) {
        self.pipeline = pipeline
        self.options = options
    }

    /// Makes the pictures.
    /// - Parameters:
    ///   - watch: is told of every step, and of steps that were read back.
    ///   - finished: gets every picture when it is ready.
    /// - Throws: what the pipeline, `watch` and `finished` throw; `TensorError.stopped` between steps.
    func run(
        watch: (Moment) throws -> Void, finished: (Int, Image) throws -> Void
    ) throws -> Outcome {
        var outcome = Outcome()
        for index in options.prompts.indices {
            let process = try pipeline.begin(options.one(index))
            outcome.lostTokens += process.lostTokens
            let image = try make(process, index, watch)
            outcome.images.append(image)
            try finished(index, image)
            if let statePath { SavedProcess.remove(statePath) }
        }
        return outcome
    }

    private func make(
        _ process: DenoisingProcess, _ index: Int, _ watch: (Moment) throws -> Void
    ) throws -> Image {
        let identity = statePath == nil ? "" : try pipeline.identity + options.one(index).identity()
        if let statePath {
            let done = try SavedProcess.resume(process, identity: identity, from: statePath)
            if done > 0 { try watch(Moment(image: index, step: done, steps: process.steps, latents: nil)) }
        }
        // The first step is kept at once: those of large networks take long.
        var saved = (step: process.stepsDone, at: -Double.infinity)
        func save() throws {
            guard let statePath, process.stepsDone > saved.step else { return }
            try SavedProcess.write(process, identity: identity, to: statePath)
            saved = (process.stepsDone, Self.now)
        }
        do {
            while !process.isDone {
                try Cancellation.check()
                try process.advance()
                try watch(
                    Moment(
                        image: index, step: process.stepsDone, steps: process.steps, latents: process.latents))
                if Self.now - saved.at >= Self.saveEvery { try save() }
            }
            let picture = try pipeline.decode(process.latents, isTiled: isTiled)
            return try Image.from(picture.narrow(0, 0, 1).reshaped(Array(picture.shape.dropFirst())))
        } catch {
            // The step that was stopped has changed nothing; those before it are kept.
            if Cancellation.isRequested { try save() }
            throw error
        }
    }
}
