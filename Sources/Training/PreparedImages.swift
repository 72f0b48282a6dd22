import Files
import Foundation
import Imaging
import Tensors

/// Pixels of image files at a network's size. They are kept in memory up to a limit, so that what a check or an epoch
/// read need not be read and decoded again; beyond it files are read anew, and must be what they were.
public final class PreparedImages: @unchecked Sendable {
    private let lock = NSLock()
    private let limit: Int
    private let make: @Sendable (Image) throws -> Tensor
    private var bytes = 0
    private var kept: [String: Tensor] = [:]
    private var hashes: [String: String] = [:]

    /// 512 MiB (about 3,500 images), or a quarter of the memory that scripts may have.
    public static var defaultLimit: Int { min(512 << 20, Storage.limit / 4) }

    /// Nothing yet.
    /// - Parameters:
    ///   - limit: the most bytes of pixels.
    ///   - prepare: makes the pixels of an image, by default a classifier's; called from several threads.
    public init(
        limit: Int = PreparedImages.defaultLimit,
        prepare: @escaping @Sendable (Image) throws -> Tensor = PreparedImages.classifierPixels
    ) {
        self.limit = limit
        make = prepare
    }

    /// The pixels of an image.
    public func prepare(_ image: Image) throws -> Tensor { try make(image) }

    /// An image at the classifier's size: RGB u8 `[224, 224, 3]`, by Pillow's bilinear resize.
    @Sendable public static func classifierPixels(_ image: Image) throws -> Tensor {
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

    /// The SHA-256 of a file's bytes as it was first read; nil where it was not.
    func sha256(_ path: String) -> String? { lock.withLock { hashes[path] } }

    /// The pixels of a file, from memory where they are kept.
    /// - Throws: `ImageError` for a file that is no image; `FileError.unreadable` where its content changed since it was
    ///   first read.
    public func pixels(_ path: String) throws -> Tensor {
        let (known, hash) = lock.withLock { (kept[path], hashes[path]) }
        if let known { return known }
        let content = try ImageFile.read(path)
        let found = content.withUnsafeBytes { SHA256.hex(of: $0) }
        guard hash == nil || hash == found else {
            throw FileError.unreadable(path: path, reason: "it changed since it was first read")
        }
        let pixels = try content.withUnsafeBytes { try prepare(Image.decode($0, name: path)) }
        add(path, pixels, sha256: found)
        return pixels
    }
}
