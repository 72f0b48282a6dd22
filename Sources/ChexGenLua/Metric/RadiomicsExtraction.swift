import Files
import Identity
import Imaging
import Threading
import Radiomics
import Runs
import Tensors

/// Radiomic features of image files: reads and hashes each once, takes what the cache holds, computes the rest, images in
/// parallel.
struct RadiomicsExtraction {
    let settings: RadiomicsSettings
    /// Whether images that have no features are left out rather than stop the run.
    let skipsBad: Bool
    let cache: FeatureCache?

    /// A table with a row for each file that has features, and what was left out.
    struct Outcome {
        let table: RadiomicsTable
        let skipped: [FeatureExtraction.BadImage]
        let files: [(path: String, sha256: String)]
    }

    /// Measures the files.
    /// - Parameter advance: is called with the number of images that were done since its last call.
    /// - Throws: `FeatureExtraction.BadImages` where some have no features and bad ones are not skipped.
    func measure(_ paths: [String], advance: (Int) -> Void) throws -> Outcome {
        let extractor = RadiomicsExtractor(settings)
        let identity = FeatureIdentity(
            encoder: "radiomics", source: .formula, preprocessing: settings.identity, output: "features", dtype: "f64")
        var rows: [(path: String, features: RadiomicsFeatures)] = []
        var bad: [FeatureExtraction.BadImage] = []
        var files: [(path: String, sha256: String)] = []
        let group = 4 * Parallel.threads
        for start in stride(from: 0, to: paths.count, by: group) {
            try Cancellation.check()
            let part = Array(paths[start..<min(paths.count, start + group)])
            var found = [Result<(hash: String, features: RadiomicsFeatures, isNew: Bool), any Error>?](
                repeating: nil, count: part.count)
            found.withUnsafeMutableBufferPointer { found in
                nonisolated(unsafe) let found = found
                Parallel.forEach(part.count) { index in
                    found[index] = Result { try measure(part[index], extractor, identity) }
                }
            }
            var fresh: [(image: String, vector: [Float])] = []
            for (offset, result) in found.enumerated() {
                switch result {
                case .success(let (hash, features, isNew))?:
                    rows.append((part[offset], features))
                    files.append((part[offset], hash))
                    if isNew { fresh.append((hash, Self.packed(features))) }
                case .failure(let error as TensorError)? where error == .stopped: throw error
                case .failure(let error)?:
                    bad.append(
                        FeatureExtraction.BadImage(
                            index: start + offset, path: part[offset], reason: Self.reason(part[offset], error)))
                case nil: break
                }
            }
            cache?.put(fresh, identity)
            advance(part.count)
        }
        guard bad.isEmpty || skipsBad else { throw FeatureExtraction.BadImages(images: bad, total: paths.count) }
        return Outcome(table: try RadiomicsTable(rows, settings: settings), skipped: bad, files: files)
    }

    private func measure(
        _ path: String, _ extractor: RadiomicsExtractor, _ identity: FeatureIdentity
    ) throws -> (hash: String, features: RadiomicsFeatures, isNew: Bool) {
        let bytes = try ImageFile.read(path)
        let hash = bytes.withUnsafeBytes { SHA256.hex(of: $0) }
        if let kept = cache?.get([hash], identity).first ?? nil, let features = unpacked(kept) {
            return (hash, features, false)
        }
        let image = try bytes.withUnsafeBytes { try Image.decode($0, name: path) }
        return (hash, try extractor.features(image), true)
    }

    private static func reason(_ path: String, _ error: any Error) -> String {
        error is RadiomicsError ? "\(path): \(error)" : String(describing: error)
    }

    /// Features as the cache keeps vectors: every f64 as two f32 with its bits.
    private static func packed(_ features: RadiomicsFeatures) -> [Float] {
        (features.diagnostics + features.values).flatMap { value in
            [
                Float(bitPattern: UInt32(truncatingIfNeeded: value.bitPattern >> 32)),
                Float(bitPattern: UInt32(truncatingIfNeeded: value.bitPattern)),
            ]
        }
    }

    private func unpacked(_ vector: [Float]) -> RadiomicsFeatures? {
        let first = RadiomicsExtractor.diagnosticsNames.count
        guard vector.count == 2 * (first + settings.featureNames.count) else { return nil }
        let values = stride(from: 0, to: vector.count, by: 2).map {
            Double(bitPattern: UInt64(vector[$0].bitPattern) << 32 | UInt64(vector[$0 + 1].bitPattern))
        }
        return RadiomicsFeatures(diagnostics: Array(values[..<first]), values: Array(values[first...]))
    }
}
