import Checkpoints
import Files
import Foundation
import Tensors

/// Codes that were written ahead, by what pictures depend on, and the folder in which they wait for a later process.
struct CodeStore {
    private var known: [String: Result<[Int], any Error>] = [:]
    private var file: String?
    private var identity = ""
    private static let name = "codes.safetensors"

    /// The codes of a picture, or why there are none; nil where they were not written.
    subscript(key: String) -> Result<[Int], any Error>? { known[key] }

    /// Keeps nothing but these pictures from now on, and takes up what a folder has of them.
    /// - Parameters:
    ///   - folder: where codes wait for a later process; nil keeps none.
    ///   - identity: what codes depend on beside their key: others are not found.
    ///   - fits: whether codes are those of a picture; others are written anew.
    mutating func keepOnly(
        _ keys: Set<String>, in folder: String?, identity: String, fits: ([Int]) -> Bool
    ) {
        known = known.filter { keys.contains($0.key) }
        guard let folder else {
            file = nil
            return
        }
        let path = Paths.joined(folder, Self.name)
        defer { (file, self.identity) = (path, identity) }
        // A file that is damaged, or of another model, is written anew.
        guard file != path, FileManager.default.fileExists(atPath: path), let saved = try? Checkpoint.open(path),
            saved.metadata["identity"] == identity
        else { return }
        for key in saved.names where keys.contains(key) && known[key] == nil {
            guard let codes = try? saved[key].array(Int64.self).map({ Int($0) }), fits(codes) else { continue }
            known[key] = .success(codes)
        }
    }

    /// Forgets codes that were taken, unless they wait in a folder.
    mutating func forget(_ keys: [String]) {
        if file == nil { for key in keys { known[key] = nil } }
    }

    /// Adds codes, in the folder too, where there is one.
    /// - Throws: `FileError` where they cannot be written.
    mutating func add(_ codes: [(key: String, codes: Result<[Int], any Error>)]) throws {
        for (key, codes) in codes { known[key] = codes }
        guard let file else { return }
        let tensors = try known.sorted { $0.key < $1.key }.compactMap { key, codes -> (name: String, tensor: Tensor)? in
            guard case .success(let own) = codes else { return nil }
            return (key, try Tensor(own.map(Int64.init), shape: [own.count]))
        }
        if !tensors.isEmpty { try SafeTensors.write(file, tensors, metadata: ["identity": identity]) }
    }
}
