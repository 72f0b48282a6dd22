import Foundation
import NetKernels
import Recording
import Tensors

extension Classifier {
    /// Trains on images with the binary cross entropy of each class, and measures the loss on others after each epoch.
    ///
    /// With the same options, files, threads and start, the weights are the same to the bit, also where training was
    /// interrupted and goes on from its checkpoint.
    /// - Parameters:
    ///   - images: the pixels of files that are known already; more are kept there.
    ///   - onNotice: hears what is unusual about the data: a class without an image, a batch larger than the set.
    ///   - onImages: is called after each batch of training and of validation with the epoch and the number of images.
    ///   - onEpoch: is called after each epoch, when its checkpoint is written.
    /// - Returns: every epoch, those before an interruption as well.
    /// - Throws: `TrainingError`, `EngineError.unsupported` where the device does not train, and what decoding a file throws.
    @discardableResult
    public func fit(
        train: LabelledImages, validation: LabelledImages? = nil, _ options: FitOptions = FitOptions(),
        images: PreparedImages = PreparedImages(), onNotice: (String) -> Void = { _ in },
        onImages: (_ epoch: Int, _ count: Int) -> Void = { _, _ in },
        onEpoch: (EpochReport) throws -> Void = { _ in }
    ) throws -> [EpochReport] {
        try check(train, validation, options, onNotice)
        _ = try recorders()
        let optimizer = Optimizer(options.optimizer, parameters, learningRate: options.learningRate)
        var state = TrainingState(schedule: ScheduleState(initialRate: options.learningRate))
        let data = try train.fingerprint(images) + (validation?.fingerprint(images) ?? "")
        if let path = options.checkpoint, FileManager.default.fileExists(atPath: path) {
            state = try TrainingState.load(path, self, optimizer, options, data: data)
            weightsChanged()
        }
        while state.history.count < options.epochs {
            let start = DispatchTime.now().uptimeNanoseconds
            let epoch = state.history.count + 1
            let rate = optimizer.learningRate
            let trainLoss = try trainEpoch(train, options, optimizer, epoch, images) { onImages(epoch, $0) }
            weightsChanged()
            let validationLoss = try validation.map {
                try loss($0, batch: options.batch, from: images) { onImages(epoch, $0) }
            }
            let watched = validationLoss ?? trainLoss
            guard watched.isFinite else { throw TrainingError.validationNotFinite(loss: watched, epoch: epoch) }
            optimizer.learningRate = state.schedule.next(
                options.schedule, rate: rate, epoch: epoch, loss: watched)
            let report = EpochReport(
                epoch: epoch, trainLoss: trainLoss, validationLoss: validationLoss, learningRate: rate,
                seconds: Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9)
            state.history.append(report)
            if let best = options.best, watched < state.bestLoss { try save(best) }
            state.bestLoss = min(state.bestLoss, watched)
            if let path = options.checkpoint { try state.save(path, self, optimizer, options, data: data) }
            try onEpoch(report)
        }
        return state.history
    }

    /// One step: the loss before it. Images are normalised f32 `[N, H, W, 3]`, labels f32 `[N, classes]`.
    public func step(_ images: Tensor, _ labels: Tensor, _ optimizer: Optimizer, clipNorm: Double? = nil) throws
        -> Double
    {
        parameters.zeroGradients()
        let recorder = try recorders().recorder(parameters)
        let logits = try network.forward(recorder.variable(images), on: recorder)
        let loss = try recorder.binaryCrossEntropyWithLogits(logits, labels)
        let value = try loss.item()
        guard value.isFinite else { return value }
        try recorder.backward(loss)
        try optimizer.step(clipNorm: clipNorm)
        weightsChanged()
        return value
    }

    /// An optimizer for `step`.
    public func optimizer(_ kind: OptimizerKind, learningRate: Double) -> Optimizer {
        Optimizer(kind, parameters, learningRate: learningRate)
    }

    private func trainEpoch(
        _ train: LabelledImages, _ options: FitOptions, _ optimizer: Optimizer, _ epoch: Int,
        _ images: PreparedImages, _ advance: (Int) -> Void
    ) throws -> Double {
        let count = train.paths.count
        let order =
            options.shuffle ? ClassifierInput.order(count, seed: options.seed, epoch: epoch) : Array(0..<count)
        let drawn: [ClassifierInput.Augmentation?] =
            options.augment
            ? ClassifierInput.augmentations(count, seed: options.seed, epoch: epoch)
            : [ClassifierInput.Augmentation?](repeating: nil, count: count)
        let batches = stride(from: 0, to: count, by: options.batch).map {
            Array(order[$0..<min(count, $0 + options.batch)])
        }
        let reader = BatchReader(batches.count) { index in
            try ClassifierInput.batch(
                batches[index].map { train.paths[$0] }, batches[index].map { drawn[$0] }, from: images)
        }
        defer { reader.stop() }
        let labels = train.labels.pointer.assumingMemoryBound(to: Float.self)
        var (sum, cells) = (0.0, 0)
        for (number, batch) in batches.enumerated() {
            try Cancellation.check()
            let pixels = try reader.next()
            let rows = batch.flatMap { row in (0..<classes).map { labels[row * classes + $0] } }
            let value = try step(
                pixels, Tensor(rows, shape: [batch.count, classes]), optimizer, clipNorm: options.clipNorm)
            guard value.isFinite else {
                throw TrainingError.notFinite(
                    loss: value, epoch: epoch, batch: number + 1, files: batch.map { train.paths[$0] })
            }
            let counted = rows.lazy.filter { !$0.isNaN }.count
            sum += value * Double(counted)
            cells += counted
            advance(batch.count)
        }
        return sum / Double(max(1, cells))
    }

    /// The mean binary cross entropy over the cells of labelled images.
    public func loss(
        _ images: LabelledImages, batch: Int = 32, from prepared: PreparedImages = PreparedImages(),
        onImages: (Int) -> Void = { _ in }
    ) throws -> Double {
        let logits = try logits(images.paths, batch: batch, from: prepared, onImages: onImages)
        var scratch = [Float](repeating: 0, count: logits.count)
        let sum = NetLoss.binaryCrossEntropy(
            logits.pointer.assumingMemoryBound(to: Float.self),
            images.labels.pointer.assumingMemoryBound(to: Float.self), &scratch, count: logits.count, scale: 1)
        withExtendedLifetime(logits) {}
        let cells = try images.labels.array(Float.self).lazy.filter { !$0.isNaN }.count
        return sum / Double(max(1, cells))
    }

    private func check(
        _ train: LabelledImages, _ validation: LabelledImages?, _ options: FitOptions, _ notice: (String) -> Void
    ) throws {
        guard !train.paths.isEmpty, validation.map({ !$0.paths.isEmpty }) ?? true else {
            throw TensorError.value(operation: "fit", message: "a set without images")
        }
        for set in [train, validation].compactMap({ $0 }) where set.labels.shape[1] != classes {
            throw TensorError.shape(
                operation: "fit", message: "wanted labels of \(classes) classes, got \(set.labels.shape[1])")
        }
        guard options.batch > 0, options.epochs >= 0, options.learningRate.isFinite, options.learningRate >= 0 else {
            throw TensorError.value(
                operation: "fit",
                message: "batch \(options.batch), epochs \(options.epochs), learning rate \(options.learningRate)")
        }
        if train.paths.count == 1 { notice("the training set is one image") }
        if options.batch > train.paths.count {
            notice("a batch of \(options.batch) is larger than the set: each is the whole set, \(train.paths.count)")
        }
        let labels = try train.labels.array(Float.self)
        let empty = (0..<classes).filter { column in
            !stride(from: column, to: labels.count, by: classes).contains { labels[$0] > 0 }
        }
        if !empty.isEmpty {
            notice("no positive image in the training set: " + empty.map(train.className).joined(separator: ", "))
        }
    }
}
