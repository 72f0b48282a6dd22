import Checkpoints
import Devices
import Engine
import Files
import Foundation
import Networks
import Recording
import Tensors

/// Fine-tunes a causal language model with a LoRA (Hu et al., 2022) on all linear layers but the head, on the recorder and in f32.
/// The network stays as it is; a projector, which makes vectors of an image's states, is trained whole.
public final class LanguageTrainer {
    /// The adapter's sizes.
    public let options: TuningOptions
    let parameters: ParameterSet
    private let network: any CausalNetwork
    private let projector: ProjectorNetwork?
    private let recorders: Recorders
    /// What the weights are, for checkpoints.
    private let base: String
    /// What must be equal for training to go on from a checkpoint.
    private let settings: String
    /// The files of the LoRA that training begins with, with the SHA-256 of what was read.
    public let startFiles: [(file: String, sha256: String)]
    private let check: () throws -> Void

    /// A trainer at its start.
    /// - Parameters:
    ///   - projector: taken over by the trainer.
    ///   - base: what tells the network's weights from others.
    ///   - device: what records the steps.
    ///   - check: is called behind each step, and throws where the weights' files were changed.
    /// - Throws: `TrainingError.adapter` where the matrices to start with do not fit; `TensorError.value` for options out of range.
    public init(
        _ network: any CausalNetwork, projector: ProjectorNetwork? = nil, base: String, _ options: TuningOptions,
        on device: Device = .standard, check: @escaping () throws -> Void = {}
    ) throws {
        try Self.validate(options)
        self.network = network
        self.projector = projector
        self.options = options
        self.base = base
        self.check = check
        recorders = try device.recorders()
        var start = try options.start.map { try StartingMatrices($0) }
        startFiles = start?.lora.files ?? []
        settings = options.fingerprint(start: start?.identity)
        let layers = Self.layers(of: network)
        guard !layers.isEmpty else {
            throw TensorError.value(operation: "fit", message: "the network has no linear layers in numbered blocks")
        }
        let adapters = try layers.enumerated().map { index, weight -> LowRankAdapter in
            let module = String(weight.name.dropLast(".weight".count))
            let name = "base_model.model." + module
            let (down, up) =
                try start?.matrices(module, weight.shape, options.adapter)
                ?? Self.initial(weight, options, number: index)
            return try LowRankAdapter(
                beside: weight, name: name, down: down, up: up, scale: Float(options.adapter.scale),
                dropout: options.adapter.dropout)
        }
        try start?.checkUsed()
        parameters = try ParameterSet(
            frozen: network.parameters, adapters: adapters, others: projector.map { [$0.parameters] } ?? [])
    }

    /// The weights of all linear layers but the head: LLaVA's `find_all_linear_names`.
    private static func layers(of network: any CausalNetwork) -> [Parameter] {
        network.parameters.parameters.filter { parameter in
            parameter.shape.count == 2 && parameter.name.hasSuffix(".weight")
                && parameter.name.split(separator: ".").contains { Int($0) != nil }
        }
    }

    /// peft's: A is uniform within 1 / √inputs (`kaiming_uniform_` with a = √5), each layer's from a stream of its own; B is 0.
    private static func initial(
        _ weight: Parameter, _ options: TuningOptions, number: Int
    ) throws -> (down: Tensor, up: Tensor) {
        let (outputs, inputs, rank) = (weight.shape[0], weight.shape[1], options.adapter.rank)
        let generator = TorchGenerator(seed: TuningOptions.stream(options.seed, number, 2))
        let bound = Float(1 / Double(inputs).squareRoot())
        let values = (0..<rank * inputs).map { _ in (generator.uniform() * 2 - 1) * bound }
        return (try Tensor(values, shape: [rank, inputs]), try Tensor.zeros([outputs, rank]))
    }

    private static func validate(_ options: TuningOptions) throws {
        func refuse(_ message: String) -> TensorError { .value(operation: "fit", message: message) }
        let adapter = options.adapter
        guard (1...4096).contains(adapter.rank) else { throw refuse("rank: wanted 1 to 4096, got \(adapter.rank)") }
        guard adapter.alpha > 0, adapter.alpha < 1e6 else {
            throw refuse("alpha: wanted above 0, got \(adapter.alpha)")
        }
        guard (0..<1).contains(adapter.dropout) else {
            throw refuse("dropout: wanted 0 to below 1, got \(adapter.dropout)")
        }
        for (name, value, most) in [
            ("epochs", options.epochs, 100_000), ("batch", options.batch, 4096),
            ("accumulation", options.accumulation, 4096), ("max_length", options.maximumLength, 1 << 20),
            ("checkpoint_every", options.checkpointEvery, 1 << 30),
        ] where !(1...most).contains(value) {
            throw refuse("\(name): wanted 1 to \(most), got \(value)")
        }
        for (name, value) in [("learning_rate", options.learningRate), ("weight_decay", options.weightDecay)]
        where !(value >= 0 && value.isFinite) {
            throw refuse("\(name): wanted 0 or more, got \(value)")
        }
        guard (0...1).contains(options.warmup) else { throw refuse("warmup: wanted 0 to 1, got \(options.warmup)") }
        if let clip = options.clipNorm, !(clip > 0) { throw refuse("clip: wanted above 0, got \(clip)") }
    }

    /// Trains, or goes on from the checkpoint of the options.
    ///
    /// With the same options, texts, threads and start the matrices are the same to the bit, also where training was interrupted.
    /// - Parameters:
    ///   - onNotice: hears what is unusual.
    ///   - onStep: is called behind each step, when its checkpoint is written.
    ///   - onEpoch: is called behind each epoch.
    /// - Throws: `TrainingError`; what making a text throws.
    public func fit(
        train: TuningSet, validation: TuningSet? = nil, onNotice: (String) -> Void = { _ in },
        onStep: (TuningStep) throws -> Void = { _ in }, onEpoch: (EpochReport) throws -> Void = { _ in }
    ) throws -> TuningHistory {
        guard train.count > 0, validation.map({ $0.count > 0 }) ?? true else {
            throw TensorError.value(operation: "fit", message: "a set without texts")
        }
        try checkSizes(of: train, "train")
        try validation.map { try checkSizes(of: $0, "validation") }
        let (batches, steps) = options.plan(train.count)
        if batches < options.accumulation {
            onNotice(
                "an epoch has \(batches) batches, fewer than the \(options.accumulation) of a step: each epoch is one step"
            )
        }
        let optimizer = Optimizer(
            .adamW(weightDecay: options.weightDecay), parameters, learningRate: options.learningRate)
        let data = train.fingerprint + (validation?.fingerprint ?? "")
        var history = TuningHistory()
        if let path = options.checkpoint, FileManager.default.fileExists(atPath: path) {
            history = try load(path, optimizer, data: data, steps: steps)
            onNotice("\(path): training goes on behind step \(history.steps.count) of \(steps)")
        }
        var notices = Set<String>()
        var order: (epoch: Int, rows: [Int]) = (0, [])
        var start = DispatchTime.now().uptimeNanoseconds
        func seconds() -> Double {
            defer { start = DispatchTime.now().uptimeNanoseconds }
            return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
        }
        while history.steps.count < steps {
            let step = history.steps.count
            // Where an epoch has fewer batches than a step wants, it is one step; else steps run on into the next epoch.
            let span = min(batches, options.accumulation)
            let range = step * span..<(step + 1) * span
            parameters.zeroGradients()
            var loss = 0.0
            for number in range {
                let epoch = number / batches + 1
                if order.epoch != epoch { order = (epoch, rows(train.count, epoch: epoch)) }
                let first = number % batches * options.batch
                let chosen = Array(order.rows[first..<min(train.count, first + options.batch)])
                loss += try accumulate(
                    chosen.map { try example($0, of: train, "train", &notices, onNotice) }, number: number)
            }
            let epoch = (range.upperBound - 1) / batches + 1
            optimizer.learningRate = options.rate(step, of: steps)
            let norm = try optimizer.gradientNorm()
            guard loss.isFinite, norm.isFinite else {
                throw TrainingError.stepNotFinite(
                    loss: loss, gradientNorm: norm, step: step + 1, rate: optimizer.learningRate)
            }
            try optimizer.step(clipNorm: options.clipNorm)
            try check()
            let report = TuningStep(
                step: step + 1, steps: steps, epoch: epoch, loss: loss, learningRate: optimizer.learningRate,
                gradientNorm: norm, seconds: seconds())
            history.steps.append(report)
            var finished: EpochReport?
            if history.steps.count == steps || range.upperBound / batches > history.epochs.count {
                let ended = history.epochs.count + 1
                let own = history.steps.filter { ($0.step - 1) * span / batches >= ended - 1 }
                let held = try validation.map { try self.loss($0, &notices, onNotice) }
                if let held, !held.isFinite { throw TrainingError.validationNotFinite(loss: held, epoch: ended) }
                let made = EpochReport(
                    epoch: ended, trainLoss: own.map(\.loss).reduce(0, +) / Double(max(1, own.count)),
                    validationLoss: held, learningRate: report.learningRate,
                    seconds: own.map(\.seconds).reduce(seconds(), +))
                history.epochs.append(made)
                finished = made
            }
            if let path = options.checkpoint, finished != nil || history.steps.count % options.checkpointEvery == 0 {
                try save(path, optimizer, history, data: data)
            }
            try onStep(report)
            if let finished { try onEpoch(finished) }
            start = DispatchTime.now().uptimeNanoseconds
        }
        return history
    }

    /// The mean cross entropy of all learned tokens of a set, without dropout.
    public func loss(_ set: TuningSet, onNotice: (String) -> Void = { _ in }) throws -> Double {
        var notices = Set<String>()
        return try loss(set, &notices, onNotice)
    }

    private func loss(_ set: TuningSet, _ notices: inout Set<String>, _ notice: (String) -> Void) throws -> Double {
        var (sum, count) = (0.0, 0)
        for row in 0..<set.count {
            try Cancellation.check()
            let text = try example(row, of: set, "validation", &notices, notice)
            let recorder = try recorders.recorder(parameters, isTraining: false, isRecording: false)
            sum += try loss(text, share: 1, on: recorder).item()
            count += text.learnedCount
        }
        return sum / Double(max(1, count))
    }

    private func rows(_ count: Int, epoch: Int) -> [Int] {
        options.shuffle
            ? TorchGenerator(seed: TuningOptions.stream(options.seed, epoch, 3)).permutation(count) : Array(0..<count)
    }

    /// The longest text.
    private var limit: Int { min(options.maximumLength, network.positions) }

    /// Looks at all texts of a set, before one is learned.
    private func checkSizes(of set: TuningSet, _ name: String) throws {
        guard let sizes = set.sizes else { return }
        for row in 0..<set.count {
            let (before, count) = sizes(row)
            // Of the first token nothing foretells it.
            guard max(1, before) < min(limit, count) else { throw nothingToLearn(row, of: count, name) }
        }
    }

    private func nothingToLearn(_ row: Int, of count: Int, _ name: String) -> TensorError {
        .value(
            operation: "fit",
            message:
                "\(name), text \(row + 1): nothing is left to learn of its \(count) tokens within max_length \(limit): shorten "
                + "its prompt, leave it out, or raise max_length")
    }

    /// A text, cut where it is too long.
    private func example(
        _ row: Int, of set: TuningSet, _ name: String, _ notices: inout Set<String>, _ notice: (String) -> Void
    ) throws -> TuningExample {
        let whole = try set.example(row)
        let text = whole.count > limit ? whole.prefix(limit) : whole
        guard text.learnedCount > 0 else {
            throw nothingToLearn(row, of: whole.count, name)
        }
        if whole.count > limit, notices.insert(name).inserted {
            notice("\(name): text \(row + 1) has \(whole.count) tokens; it and others are cut at max_length \(limit)")
        }
        return text
    }

    /// Adds the gradients of a micro-batch to those of its step, text by text, and gives its part of the step's loss.
    private func accumulate(_ texts: [TuningExample], number: Int) throws -> Double {
        // The mean over the tokens of all texts, as that of a padded batch.
        let counted = texts.reduce(0) { $0 + $1.learnedCount }
        let share = 1 / Double(counted) / Double(options.accumulation)
        var sum = 0.0
        for (index, text) in texts.enumerated() {
            try Cancellation.check()
            let seed = TuningOptions.stream(TuningOptions.stream(options.seed, number, 4), index, 4)
            let recorder = try recorders.recorder(
                parameters, isCheckpointing: options.isCheckpointing, dropoutSeed: seed)
            defer { recorder.discard() }
            let loss = try loss(text, share: share, on: recorder)
            sum += try loss.item()
            guard sum.isFinite else { break }
            try recorder.backward(loss)
        }
        return sum
    }

    /// Lengths are rounded up to a multiple, so that texts of many lengths share few operations: what comes behind a text changes
    /// nothing in it.
    private static let lengthStep = 16

    /// The cross entropy of a text's learned tokens, times `share`.
    private func loss(_ text: TuningExample, share: Double, on recorder: Recorder) throws -> Variable {
        let labels = text.labels
        // The states in whose place the first and the last learned token are to be foretold.
        guard let first = labels.firstIndex(where: { $0 >= 0 }), let last = labels.lastIndex(where: { $0 >= 0 }) else {
            throw TensorError.value(operation: "fit", message: "a text without a token to learn")
        }
        var words = try text.parts.map { part -> Variable in
            switch part {
            case .ids(let ids, _):
                return try network.embed(Tensor(ids.map(Int64.init), shape: [1, ids.count]), on: recorder)
            case .vectors(let vectors):
                guard vectors.rank == 2 else {
                    throw TensorError.shape(
                        operation: "fit", message: "wanted vectors [T, features], got \(Tensor.text(vectors.shape))")
                }
                let states = try recorder.value(vectors.reshaped([1] + vectors.shape))
                return try projector.map { try $0.forward(states, on: recorder) } ?? states
            }
        }
        let length = min(
            max(text.count, network.positions), (text.count + Self.lengthStep - 1) / Self.lengthStep * Self.lengthStep)
        if length > text.count {
            let padding = try Tensor.zeros([1, length - text.count], .i64)
            words.append(try network.embed(padding, on: recorder))
        }
        let whole = try words.count == 1 ? words[0] : recorder.concatenate(words, axis: 1)
        let states = try network.states(whole, .whole, on: recorder)
        let logits = try network.logits(recorder.narrow(states, axis: 1, first..<last + 1), on: recorder)
        let targets = try Tensor(Array(labels[first...last]), shape: [1, last + 1 - first])
        return try recorder.crossEntropy(logits, counted: targets, share: share)
    }

    /// Copies of what was trained, by the names of peft, and of a projector under its own.
    public func values() throws -> (
        adapter: [(name: String, tensor: Tensor)], projector: [(name: String, tensor: Tensor)]
    ) {
        let all = try parameters.values()
        return (Array(all.prefix(parameters.adapters.count * 2)), Array(all.dropFirst(parameters.adapters.count * 2)))
    }

    /// The norms of the gradients that the last step gathered, before they were clipped, by the names of `values`.
    package func gradientNorms() throws -> [String: Double] {
        var norms: [String: Double] = [:]
        for parameter in parameters.parameters {
            let values = try parameter.gradientElements?.array(Float.self) ?? []
            norms[parameter.name] = values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        }
        return norms
    }

    /// What is to be added to the network's weights, by their names.
    public func updates() throws -> [(parameter: String, update: LowRankUpdate)] {
        try parameters.adapters.map {
            ($0.weight.name, LowRankUpdate(down: try $0.down.value(), up: try $0.up.value(), factor: Double($0.scale)))
        }
    }

    // MARK: Checkpoints

    private func save(_ path: String, _ optimizer: Optimizer, _ history: TuningHistory, data: String) throws {
        var tensors = try parameters.trainingTensors()
        let steps = history.steps.flatMap { [Double($0.epoch), $0.loss, $0.learningRate, $0.gradientNorm, $0.seconds] }
        let epochs = history.epochs.flatMap {
            [Double($0.epoch), $0.trainLoss, $0.validationLoss ?? .nan, $0.learningRate, $0.seconds]
        }
        tensors.append(("history.steps", try Tensor(steps, shape: [history.steps.count, 5])))
        tensors.append(("history.epochs", try Tensor(epochs, shape: [history.epochs.count, 5])))
        try SafeTensors.write(
            path, tensors,
            metadata: [
                "training": "lora", "base": base, "options": settings, "data": data,
                "optimizer_steps": String(optimizer.steps),
            ])
    }

    private func load(_ path: String, _ optimizer: Optimizer, data: String, steps: Int) throws -> TuningHistory {
        let file = try Checkpoint.open(path)
        func fault(_ message: String) -> TrainingError { .checkpoint(path: path, message: message) }
        guard file.metadata["training"] == "lora" else { throw fault("not a checkpoint of a fine-tuning") }
        guard file.metadata["base"] == base else {
            throw fault("a checkpoint of a training from other weights; remove it to begin anew")
        }
        guard file.metadata["options"] == settings else {
            throw fault(
                "a checkpoint of a training with \(file.metadata["options"] ?? "nothing"); this one has "
                    + settings)
        }
        guard file.metadata["data"] == data else {
            throw fault("a checkpoint of a training on other texts or films; remove it to begin anew")
        }
        guard let taken = file.metadata["optimizer_steps"].flatMap({ Int($0) }) else {
            throw fault("its numbers are missing or damaged")
        }
        func rows(_ name: String) throws -> [[Double]] {
            let table = try file[name]
            guard table.rank == 2, table.shape[1] == 5 else { throw fault("its history is damaged") }
            let values = try table.to(.f64).array(Double.self)
            return (0..<table.shape[0]).map { Array(values[$0 * 5..<$0 * 5 + 5]) }
        }
        var history = TuningHistory()
        for row in try rows("history.steps") {
            history.steps.append(
                TuningStep(
                    step: history.steps.count + 1, steps: steps, epoch: Int(row[0]), loss: row[1], learningRate: row[2],
                    gradientNorm: row[3], seconds: row[4]))
        }
        for row in try rows("history.epochs") {
            history.epochs.append(
                EpochReport(
                    epoch: Int(row[0]), trainLoss: row[1], validationLoss: row[2].isNaN ? nil : row[2],
                    learningRate: row[3], seconds: row[4]))
        }
        try parameters.loadTraining(file)
        optimizer.steps = taken
        return history
    }
}

/// The matrices of a LoRA that a training begins with.
private struct StartingMatrices {
    let lora: LoRA
    private var unused: Set<String>

    init(_ place: String) throws {
        lora = try LoRA(HubCache.locate(place))
        unused = Set(lora.modules)
    }

    /// What tells it from others: the hash of its files.
    var identity: String { String(SHA256.hex(of: lora.files.map(\.sha256).joined(separator: " ")).prefix(16)) }

    /// A and B of a layer at the training's own scale: where the file's is another, B takes the difference, so that the product is
    /// the one that was saved.
    mutating func matrices(
        _ module: String, _ shape: [Int], _ settings: AdapterSettings
    ) throws -> (down: Tensor, up: Tensor) {
        guard unused.remove(module) != nil, let found = try lora.matrices(of: module) else {
            throw TrainingError.adapter(
                path: lora.path, message: "wanted a LoRA on all linear layers, and that of \(module) is missing")
        }
        for (letter, matrix, wanted) in [
            ("A", found.down, [settings.rank, shape[1]]), ("B", found.up, [shape[0], settings.rank]),
        ] where matrix.shape != wanted {
            throw TrainingError.adapter(
                path: lora.path,
                message:
                    "\(module), \(letter): wanted \(Tensor.text(wanted)), got \(Tensor.text(matrix.shape)); it is of "
                    + "another model or rank: this training has rank \(settings.rank)")
        }
        let up = try found.up.to(.f32).contiguous()
        let ratio = found.factor / settings.scale
        return (
            try found.down.to(.f32).contiguous(),
            ratio == 1 ? up : try Tensor.binary(.multiply, up, .number(ratio)).contiguous()
        )
    }

    /// - Throws: `TrainingError.adapter` where something fits no layer.
    func checkUsed() throws {
        guard let name = unused.min() else { return }
        throw TrainingError.adapter(path: lora.path, message: "\(name) is no linear layer of this model")
    }
}
