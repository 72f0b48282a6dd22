import Dispatch
import Tensors

/// Makes pictures one after the other, each alone, and keeps the one under way in a file.
public struct Generation {
    /// How far a picture has come.
    public struct Moment {
        /// The picture, from 0.
        public let picture: Int
        /// Steps that are done, and all.
        public let step, steps: Int
        /// Whether the steps were done before, and have just been read back.
        public let isResumed: Bool
        private let process: any GenerationProcess

        init(_ process: any GenerationProcess, picture: Int, isResumed: Bool) {
            self.process = process
            self.picture = picture
            self.isResumed = isResumed
            (step, steps) = (process.stepsDone, process.steps)
        }

        /// What the steps work on, as it is now; not to be written to.
        public var latents: Tensor { process.latents }
    }

    private let pipeline: any TextToImage
    private let options: GenerationOptions
    /// Decode in overlapping tiles.
    public var isTiled = false
    /// Where the picture under way is kept; nil keeps none.
    public var statePath: String?
    /// Is told how many of how many codes of the next pictures are written, of models that write those of several together.
    public var written: ((_ done: Int, _ all: Int) throws -> Void)?
    /// Gets the codes i64 `[T]` of every picture, counted from 0, before the picture, of models that draw it from codes.
    public var heard: ((Int, Tensor) throws -> Void)?

    /// How often the state is written, in seconds: what a killed process may lose.
    private static let saveEvery = 10.0
    /// Seconds of a clock that only goes forward.
    private static var now: Double { Double(DispatchTime.now().uptimeNanoseconds) * 1e-9 }

    /// Pictures of a pipeline.
    public init(_ pipeline: any TextToImage, _ options: GenerationOptions) {
        self.pipeline = pipeline
        self.options = options
    }

    /// Makes the pictures.
    /// - Parameters:
    ///   - watch: is told of every step, and of steps that were read back.
    ///   - finished: gets every picture, counted from 0, u8 `[H, W, 3]`, when it is ready.
    /// - Throws: what the pipeline, `watch` and `finished` throw; `TensorError.stopped` between steps.
    public func run(watch: (Moment) throws -> Void = { _ in }, finished: (Int, Tensor) throws -> Void) throws {
        // Texts of many pictures are encoded together, so that their networks come and go once.
        var ready = 0
        for index in options.prompts.indices {
            if options.prompts.count > 1, index >= ready {
                let rest = try options.pictures(index..<options.prompts.count)
                ready = index + (try pipeline.prepare(rest, keptIn: nil, watch: written))
            }
            let one = try options.one(index)
            try finished(index, make(pipeline.begin(one), index, one, watch))
            if let statePath { SavedProcess.remove(statePath) }
        }
    }

    private func make(
        _ process: any GenerationProcess, _ index: Int, _ one: GenerationOptions, _ watch: (Moment) throws -> Void
    ) throws -> Tensor {
        let identity = statePath == nil ? "" : try pipeline.identity + one.identity()
        if let statePath, try SavedProcess.resume(process, identity: identity, from: statePath) > 0 {
            try watch(Moment(process, picture: index, isResumed: true))
        } else if process.stepsDone > 0 {
            // What was written ahead.
            try watch(Moment(process, picture: index, isResumed: true))
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
                try watch(Moment(process, picture: index, isResumed: false))
                if Self.now - saved.at >= Self.saveEvery { try save() }
            }
            if let codes = process.codes { try heard?(index, codes.reshaped([codes.count])) }
            let pictures = try pipeline.finish(process, isTiled: isTiled)
            return try pictures.narrow(0, 0, 1).reshaped(Array(pictures.shape.dropFirst()))
        } catch {
            // The step that was stopped has changed nothing; those before it are kept.
            if Cancellation.isRequested { try save() }
            throw error
        }
    }
}
