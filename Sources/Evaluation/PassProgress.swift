import Files
import Identity
import Imaging
import Tensors
import Threading

/// The results of a task, by the place of an image.
struct PassResults {
    let rows: [FeatureRows]
    /// Why images have none.
    let refusals: [Int: String]
}

/// How far a pass has come: what is known of each image, and which prepared images wait for each task.
final class PassProgress {
    /// A task with its results so far.
    private struct Job {
        let task: any ImageTask
        let rows: [FeatureRows]
        var waiting: [PreparedImage] = []
        var refusals: [Int: String] = [:]

        init(_ task: any ImageTask, count: Int) {
            self.task = task
            rows = task.identities.map { _ in FeatureRows(count) }
        }
    }

    /// What decoding an image gave: its facts, and for each job that wanted it the prepared image or why there is none.
    private struct Decoded {
        let facts: ImageFacts
        let prepared: [(job: Int, result: Result<Tensor, any Error>)]
    }

    private let pass: ImagePass
    /// Whether an image whose samples would turn white is a bad one.
    private let refusesClipped: Bool
    private let images: [ImageSource]
    private var jobs: [Job]
    private var hashes: [String]
    private var facts: [ImageFacts?]
    /// The images that cannot be used, in the order in which they were found.
    private var found: [BadImage] = []
    private var advanced = 0
    private var taken = 0

    init(_ pass: ImagePass, _ images: [ImageSource]) {
        self.pass = pass
        refusesClipped = pass.clipping == .refused && pass.cutsSamples
        self.images = images
        jobs = pass.tasks.map { Job($0, count: images.count) }
        hashes = [String](repeating: "", count: images.count)
        facts = [ImageFacts?](repeating: nil, count: images.count)
    }

    /// The images that cannot be used.
    var bad: [BadImage] { found.sorted { $0.index < $1.index } }

    /// Whether results are still wanted: not after a bad image that stops the pass. Others are then only looked at, so
    /// that all bad ones are listed.
    var computes: Bool { found.isEmpty || pass.skipsBad }

    /// How many more images are done than at the last call.
    func newlyDone() -> Int {
        let done = taken - (jobs.map(\.waiting.count).max() ?? 0)
        defer { advanced = max(advanced, done) }
        return max(0, done - advanced)
    }

    // MARK: Reading

    /// Reads, hashes and looks up some images; decodes and prepares those of which something is missing.
    func take(_ range: Range<Int>) throws {
        let loaded = Parallel.map(range.count) { offset -> (bytes: [UInt8], hash: String) in
            try Cancellation.check()
            let bytes = try ImageFile.read(images[range.lowerBound + offset].path)
            return (bytes, bytes.withUnsafeBytes { SHA256.hex(of: $0) })
        }
        var good: [(index: Int, bytes: [UInt8])] = []
        for (index, result) in zip(range, loaded) {
            if let fault = images[index].fault {
                refuse(index, fault)
                continue
            }
            do {
                let (bytes, hash) = try result.get()
                hashes[index] = hash
                good.append((index, bytes))
            } catch let error as ImageError { refuse(index, String(describing: error)) }
        }
        let missing = try lookUp(good.map(\.index))
        let todo = zip(good, missing).filter { facts[$0.0.index] == nil || !$0.1.isEmpty }
        let decoded = Parallel.map(todo.count) { place in
            try decode(todo[place].0.bytes, images[todo[place].0.index].path, for: todo[place].1)
        }
        for (item, result) in zip(todo, decoded) { try settle(item.0.index, result) }
        for item in good { refuseClipped(item.index) }
        keepFacts(todo.map(\.0.index))
        if !computes { for job in jobs.indices { jobs[job].waiting = [] } }
        taken += range.count
    }

    /// Takes from the store what it holds of some images; the jobs that lack something of each.
    private func lookUp(_ indexes: [Int]) throws -> [[Int]] {
        let wanted = indexes.map { hashes[$0] }
        try pass.store?.cache(ImageFacts.identity)?.get(wanted, ImageFacts.identity) { place, bytes in
            facts[indexes[place]] = ImageFacts(bytes: bytes)
        }
        for job in jobs {
            for (identity, rows) in zip(job.task.identities, job.rows) {
                guard let identity, let cache = pass.store?.cache(identity) else { continue }
                try cache.get(wanted, identity) { place, bytes in
                    _ = try rows.put(indexes[place], bytes, identity.storage)
                }
            }
        }
        return indexes.map { index in
            jobs.indices.filter { job in
                jobs[job].rows.isEmpty || jobs[job].rows.contains { !$0.isFilled[index] }
            }
        }
    }

    private func decode(_ bytes: [UInt8], _ path: String, for wanted: [Int]) throws -> Decoded {
        try Cancellation.check()
        let image = try bytes.withUnsafeBytes { try Image.decode($0, name: path) }
        let facts = ImageFacts(image)
        guard computes, !(facts.isClipped && refusesClipped) else {
            return Decoded(facts: facts, prepared: [])
        }
        return Decoded(
            facts: facts, prepared: wanted.map { job in (job, Result { try jobs[job].task.prepare(image) }) })
    }

    private func settle(_ index: Int, _ result: Result<Decoded, any Error>) throws {
        do {
            let decoded = try result.get()
            facts[index] = decoded.facts
            for (job, result) in decoded.prepared {
                do {
                    let prepared = PreparedImage(
                        index: index, path: images[index].path, sha256: hashes[index], tensor: try result.get())
                    jobs[job].waiting.append(prepared)
                } catch {
                    guard let reason = jobs[job].task.refusal(error) else { throw error }
                    jobs[job].refusals[index] = "\(images[index].path): \(reason)"
                }
            }
        } catch let error as ImageError {
            var reason = String(describing: error)
            // An operation on a film does not know its file.
            if case .argument = error { reason = "\(images[index].path): \(reason)" }
            refuse(index, reason)
            for job in jobs.indices { jobs[job].waiting.removeAll { $0.index == index } }
        }
    }

    private func refuse(_ index: Int, _ reason: String) {
        found.append(BadImage(index: index, path: images[index].path, reason: reason))
    }

    private func refuseClipped(_ index: Int) {
        guard refusesClipped, let facts = facts[index], facts.isClipped else { return }
        refuse(index, "\(images[index].path): \(facts.refusal)")
    }

    private func keepFacts(_ indexes: [Int]) {
        let known = indexes.compactMap { index in facts[index].map { (hashes[index], $0.vector) } }
        guard let first = known.first, let cache = pass.store?.cache(ImageFacts.identity) else { return }
        let width = first.1.count
        known.flatMap(\.1).withUnsafeBufferPointer { values in
            let entries = known.enumerated().map { place, item in
                (
                    image: item.0,
                    vector: UnsafeRawBufferPointer(
                        UnsafeBufferPointer(rebasing: values[place * width..<(place + 1) * width]))
                )
            }
            cache.put(entries, ImageFacts.identity)
        }
    }

    // MARK: Computing

    /// Computes full batches of the images that wait, or all of them.
    func compute(all: Bool) throws {
        for job in jobs.indices {
            while jobs[job].waiting.count >= pass.batch || (all && !jobs[job].waiting.isEmpty) {
                try Cancellation.check()
                let part = Array(jobs[job].waiting.prefix(pass.batch))
                jobs[job].waiting.removeFirst(part.count)
                try compute(jobs[job], part)
            }
        }
    }

    private func compute(_ job: Job, _ part: [PreparedImage]) throws {
        let results = try job.task.compute(part)
        let name = job.task.identities.first??.encoder ?? "image task"
        guard results.count == job.rows.count else {
            throw TensorError.value(
                operation: name, message: "wanted \(job.rows.count) outputs, got \(results.count)")
        }
        for ((identity, rows), result) in zip(zip(job.task.identities, job.rows), results) {
            var entries: [(image: String, vector: UnsafeRawBufferPointer)] = []
            try rows.put(part.map(\.index), result, operation: name) { place, bytes in
                entries.append((part[place].sha256, bytes))
            }
            // The bytes are those of the rows, which live as long as the job.
            if let identity { pass.store?.cache(identity)?.put(entries, identity) }
        }
    }

    /// What came of a set of the images, when everything is computed.
    func outcome(_ range: Range<Int>) -> ImagePass.Outcome {
        let skipped = bad.filter { range.contains($0.index) }
        let missing = Set(skipped.map(\.index))
        let places = range.filter { !missing.contains($0) }
        return ImagePass.Outcome(
            kept: places.map { $0 - range.lowerBound },
            skipped: skipped.map { BadImage(index: $0.index - range.lowerBound, path: $0.path, reason: $0.reason) },
            files: places.map { (images[$0].path, hashes[$0]) }, facts: places.compactMap { facts[$0] }, places: places,
            results: Dictionary(
                jobs.map { (ObjectIdentifier($0.task), PassResults(rows: $0.rows, refusals: $0.refusals)) },
                uniquingKeysWith: { first, _ in first }), cutsSamples: pass.cutsSamples)
    }
}

extension FeatureIdentity {
    /// The type of the values that stores hold: what is computed in f64 is kept so, all else in f32.
    var storage: DType { dtype == DType.f64.rawValue ? .f64 : .f32 }
}
