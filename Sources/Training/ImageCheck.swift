import Files
import Foundation
import Imaging
import Threading
import Tensors

/// Reads and decodes image files before hours of training begin, so that all bad ones are known at once.
public enum ImageCheck {
    /// A file that is no image.
    public struct Bad {
        /// Where it stands in the list, counted from 0.
        public let index: Int
        /// What is wrong; names the file.
        public let reason: String
    }

    /// Looks at every file.
    /// - Parameter advance: is called with the number of files that were looked at since its last call.
    /// - Returns: the files that can be used, with the SHA-256 of their bytes, and the others, both in the order of `paths`.
    /// - Throws: `TensorError.stopped` where a stop was requested.
    public static func look(
        at paths: [String], advance: (Int) -> Void = { _ in }
    ) throws -> (good: [(path: String, sha256: String)], bad: [Bad]) {
        var good: [(path: String, sha256: String)] = []
        var bad: [Bad] = []
        let group = 8 * Parallel.threads
        for start in stride(from: 0, to: paths.count, by: group) {
            try Cancellation.check()
            let part = Array(paths[start..<min(paths.count, start + group)])
            var found = [Result<String, any Error>?](repeating: nil, count: part.count)
            let lock = NSLock()
            Parallel.forEach(part.count) { index in
                let result = Result {
                    let bytes = try ImageFile.read(part[index])
                    _ = try bytes.withUnsafeBytes { try Image.decode($0, name: part[index], mode: .rgb) }
                    return bytes.withUnsafeBytes { SHA256.hex(of: $0) }
                }
                lock.withLock { found[index] = result }
            }
            for (offset, result) in found.enumerated() {
                switch result {
                case .success(let hash)?: good.append((part[offset], hash))
                case .failure(let error as TensorError)? where error == .stopped: throw error
                case .failure(let error)?: bad.append(Bad(index: start + offset, reason: String(describing: error)))
                case nil: break
                }
            }
            advance(part.count)
        }
        return (good, bad)
    }
}
