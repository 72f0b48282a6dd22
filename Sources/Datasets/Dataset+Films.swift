import Files
import Foundation
import Tensors

/// A film that stands in two datasets.
public struct SharedFilm: Equatable, Sendable {
    /// Its path in the first.
    public let path: String
    /// Its path in the other.
    public let otherPath: String
}

extension Dataset {
    /// The films that stand in both datasets: the same file, whatever leads to it, or another file of the same bytes. Only
    /// files of equal size are read. Rows without an image, and files that are not there or cannot be read, are passed over.
    /// - Returns: a pair for each film of `other` that is here too, in the order of `other`.
    /// - Throws: `DatasetError` where a dataset has no images; `TensorError.stopped`.
    public func sharedFilms(with other: Dataset) throws -> [SharedFilm] {
        let here = try Dataset.files(of: filmPaths)
        var sameFile: [FileKey: String] = [:]
        var bySize: [Int: [String]] = [:]
        for (path, identity) in here where sameFile.updateValue(path, forKey: FileKey(identity)) == nil {
            bySize[identity.size, default: []].append(path)
        }
        var hashes: [String: String?] = [:]
        func hash(_ path: String) throws -> String? {
            if let known = hashes[path] { return known }
            try Cancellation.check()
            let made = try? SHA256.hex(file: path)
            hashes[path] = .some(made)
            return made
        }
        var found: [SharedFilm] = []
        for (path, identity) in try Dataset.files(of: other.filmPaths) {
            if let same = sameFile[FileKey(identity)] {
                found.append(SharedFilm(path: same, otherPath: path))
            } else if let candidates = bySize[identity.size], let own = try hash(path),
                let same = try candidates.first(where: { try hash($0) == own })
            {
                found.append(SharedFilm(path: same, otherPath: path))
            }
        }
        return found
    }

    /// The paths of the images that there are.
    private var filmPaths: [String] {
        get throws { try (0..<count).compactMap { try namedImagePath($0) } }
    }

    /// One file, by whatever path.
    private struct FileKey: Hashable {
        let device: UInt64
        let inode: UInt64

        init(_ identity: FileIdentity) {
            device = identity.device
            inode = identity.inode
        }
    }

    /// The files that are there, each path once, in order.
    private static func files(of paths: [String]) throws -> [(path: String, identity: FileIdentity)] {
        var seen = Set<String>()
        return try paths.filter { seen.insert($0).inserted }.enumerated().compactMap { index, path in
            if index % 1024 == 0 { try Cancellation.check() }
            return (try? FileIdentity(of: path)).map { (path, $0) }
        }
    }
}
