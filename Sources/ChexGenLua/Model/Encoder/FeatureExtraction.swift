import Encoders
import Files
import Foundation
import Identity
import Imaging
import Threading
import LuaRuntime
import Runs
import Tensors

/// Embeds image files: reads and hashes each once, takes what the cache holds, decodes the rest in parallel and runs the
/// encoder over it batch by batch.
struct FeatureExtraction {
    /// An image that could not be read.
    struct BadImage {
        /// Counted from 0.
        let index: Int
        let path: String
        let reason: String

        /// Bad images for Lua: `index`, `path` and `reason` of each.
        static func lua(_ images: [BadImage]) -> LuaValue {
            let rows = images.map { image in
                LuaValue.fields([
                    ("index", .integer(image.index + 1)), ("path", .string(image.path)),
                    ("reason", .string(image.reason)),
                ])
            }
            return .table(LuaTable(array: rows))
        }
    }

    /// Features `[N, D]` by output, with the rows that they belong to.
    struct Outcome {
        let features: [(output: String, tensor: Tensor)]
        /// The rows that were kept, counted from 0; features have one row for each.
        let kept: [Int]
        let skipped: [BadImage]
        /// Every file that was kept, with the SHA-256 of the bytes that were used.
        let files: [(path: String, sha256: String)]
    }

    /// Some images could not be read; lists all of them.
    struct BadImages: Error, CustomStringConvertible {
        let images: [BadImage]
        let total: Int

        var description: String {
            let shown = images.prefix(20).map { "\n  \($0.reason)" }.joined()
            let more = images.count > 20 ? "\n  and \(images.count - 20) more" : ""
            return "\(images.count) of \(total) images cannot be read:\(shown)\(more)\n"
                + "mend or remove them, or set on_bad_image: skip to leave them out and have them listed"
        }
    }

    let encoder: any Encoder
    let way: Protocol
    let outputs: [String]
    let batch: Int
    /// Whether images that cannot be read are left out rather than stop the run.
    let skipsBad: Bool
    let cache: FeatureCache?

    /// Embeds the files.
    /// - Parameter advance: is called with the number of images that were done since its last call.
    /// - Throws: `BadImages` where some cannot be read and bad ones are not skipped; errors of the encoder.
    func embed(_ paths: [String], advance: (Int) -> Void) throws -> Outcome {
        var rows = [[String: [Float]]](repeating: [:], count: paths.count)
        var hashes = [String](repeating: "", count: paths.count)
        var bad: [BadImage] = []
        var waiting: [(index: Int, hash: String, input: Tensor)] = []
        let chunk = max(batch, Parallel.threads)

        func flush(all: Bool) throws {
            while waiting.count >= batch || (all && !waiting.isEmpty) {
                try Cancellation.check()
                let part = Array(waiting.prefix(batch))
                waiting.removeFirst(part.count)
                try run(part, into: &rows)
                advance(part.count)
            }
        }

        for start in stride(from: 0, to: paths.count, by: chunk) {
            try Cancellation.check()
            let range = start..<min(start + chunk, paths.count)
            let files = read(paths, range)
            var misses: [(index: Int, hash: String, bytes: [UInt8])] = []
            let kept = try cached(files.map { (try? $0.get())?.hash ?? "" })
            for (offset, file) in files.enumerated() {
                let index = range.lowerBound + offset
                switch file {
                case .failure(let error):
                    bad.append(BadImage(index: index, path: paths[index], reason: String(describing: error)))
                    advance(1)
                case .success(let (bytes, hash)):
                    hashes[index] = hash
                    if let vectors = kept[offset] {
                        rows[index] = vectors
                        advance(1)
                    } else {
                        misses.append((index, hash, bytes))
                    }
                }
            }
            let decoded = decode(misses, paths)
            for (miss, result) in zip(misses, decoded) {
                switch result {
                case .failure(let error as TensorError) where error == .stopped:
                    throw error
                case .failure(let error):
                    bad.append(BadImage(index: miss.index, path: paths[miss.index], reason: String(describing: error)))
                    advance(1)
                case .success(let input):
                    waiting.append((miss.index, miss.hash, input))
                }
            }
            if bad.isEmpty || skipsBad { try flush(all: false) } else { waiting.removeAll() }
        }
        bad.sort { $0.index < $1.index }
        guard bad.isEmpty || skipsBad else { throw BadImages(images: bad, total: paths.count) }
        try flush(all: true)
        return try outcome(paths, rows, hashes, bad)
    }

    // MARK: Reading

    private typealias Loaded = (bytes: [UInt8], hash: String)

    private func read(_ paths: [String], _ range: Range<Int>) -> [Result<Loaded, Error>] {
        parallel(range.count) { offset in
            let bytes = try ImageFile.read(paths[range.lowerBound + offset])
            return (bytes, bytes.withUnsafeBytes { SHA256.hex(of: $0) })
        }
    }

    private func decode(
        _ files: [(index: Int, hash: String, bytes: [UInt8])], _ paths: [String]
    ) -> [Result<Tensor, Error>] {
        parallel(files.count) { index in
            let image = try files[index].bytes.withUnsafeBytes {
                try Image.decode($0, name: paths[files[index].index])
            }
            return try encoder.preprocess(image, protocol: way)
        }
    }

    private func parallel<Value>(_ count: Int, _ body: @escaping (Int) throws -> Value) -> [Result<Value, Error>] {
        var results = [Result<Value, Error>?](repeating: nil, count: count)
        let lock = NSLock()
        Parallel.forEach(count) { index in
            let result = Result { try body(index) }
            lock.lock()
            results[index] = result
            lock.unlock()
        }
        return results.compactMap { $0 }
    }

    // MARK: Embedding

    private func run(
        _ part: [(index: Int, hash: String, input: Tensor)], into rows: inout [[String: [Float]]]
    ) throws {
        let found = try encoder.embed(part.map(\.input), outputs: outputs)
        for (output, features) in zip(outputs, found) {
            var entries: [(image: String, vector: [Float])] = []
            let width = features.shape[1]
            let values = try features.array(Float.self)
            for (position, item) in part.enumerated() {
                let vector = Array(values[position * width..<(position + 1) * width])
                rows[item.index][output] = vector
                entries.append((item.hash, vector))
            }
            try cache?.put(entries, encoder.identity(way, output: output))
        }
    }

    /// The vectors of every output that the cache holds for each image; nil where one is missing.
    private func cached(_ hashes: [String]) throws -> [[String: [Float]]?] {
        guard let cache else { return hashes.map { _ in nil } }
        var found = [[String: [Float]]?](repeating: [:], count: hashes.count)
        for output in outputs {
            for (position, vector) in try cache.get(hashes, encoder.identity(way, output: output)).enumerated() {
                if let vector { found[position]?[output] = vector } else { found[position] = nil }
            }
        }
        return found
    }

    private func outcome(
        _ paths: [String], _ rows: [[String: [Float]]], _ hashes: [String], _ bad: [BadImage]
    ) throws -> Outcome {
        let missing = Set(bad.map(\.index))
        let kept = rows.indices.filter { !missing.contains($0) }
        let features = try outputs.map { output -> (output: String, tensor: Tensor) in
            let width = try encoder.output(output).width
            let tensor = try Tensor(uninitialized: [kept.count, width])
            try tensor.withElements(Float.self) { target in
                for (position, row) in kept.enumerated() {
                    for (column, value) in (rows[row][output] ?? []).enumerated() {
                        target[position * width + column] = value
                    }
                }
            }
            return (output, tensor)
        }
        return Outcome(features: features, kept: kept, skipped: bad, files: kept.map { (paths[$0], hashes[$0]) })
    }
}
