import Files
import Foundation
import Imaging
import Tensors

/// Pixels of image files at a classifier's size. They are kept in memory up to a limit, so that what a check or an epoch
/// read need not be read and decoded again; beyond it files are read anew, and must be what they were.
public final class PreparedImages: @unchecked Sendable {
    private let lock = NSLock()
    private let limit: Int
    private var bytes = 0
    private var kept: [String: Tensor] = [:]
    private var hashes: [String: String] = [:]

    /// 512 MiB (about 3,500 images), or a quarter of the memory that scripts may have.
    public static var defaultLimit: Int { min(512 << 20, Storage.limit / 4) }

    /// Nothing yet.
    /// - Parameter limit: the most bytes of pixels.
    public init(limit: Int = PreparedImages.defaultLimit) { self.limit = limit }

    /// An image at the classifier's size: RGB u8 `[224, 224, 3]`, by Pillow's bilinear resize.
    public static func prepare(_ image: Image) throws -> Tensor {
        let side = ClassifierInput.side
        return try image.converted(to: .rgb).resized(width: side, height: side, filter: .bilinear).tensor()
    }

    /// Takes the pixels of a file that was read and prepared elsewhere, with the SHA-256 of its bytes.
    public func add(_ path: String, _ pixels: Tensor, sha256: String) {
        lock.withLock {
            hashes[path] = sha256
            let size = pixels.storage.byteCount
            guard kept[path] == nil, bytes + size <= limit else { return }
            kept[path] = pixels
            bytes += size
        }
    }

    /// The pixels of a file, from memory where they are kept.
    /// - Throws: `ImageError` for a file that is no image; `FileError.unreadable` where its content changed since it was
    ///   first read.
    func pixels(_ path: String) throws -> Tensor {
        let (known, hash) = lock.withLock { (kept[path], hashes[path]) }
        if let known { return known }
        let content = try ImageFile.read(path)
        let found = content.withUnsafeBytes { SHA256.hex(of: $0) }
        guard hash == nil || hash == found else {
            throw FileError.unreadable(path: path, reason: "it changed since it was first read")
        }
        let pixels = try content.withUnsafeBytes { try Self.prepare(Image.decode($0, name: path)) }
        add(path, pixels, sha256: found)
        return pixels
    }
}
