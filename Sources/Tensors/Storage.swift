import CSupport
import Foundation

/// A block of memory that one or more tensors view: allocated here, or borrowed from an owner such as a mapped file.
public final class Storage {
    /// The first byte; aligned to 64 bytes when allocated here.
    public let bytes: UnsafeMutableRawPointer
    /// The size in bytes.
    public let byteCount: Int
    private let owner: AnyObject?
    private let mapping: UnsafeRawBufferPointer?

    /// The most bytes of tensor storage that may be alive at once; `Int.max` is no limit.
    public nonisolated(unsafe) static var limit = Int.max

    /// Bytes of allocated tensor storage alive now.
    public static var bytesAlive: Int { Int(cx_tensor_bytes()) }

    /// The same figure as a C function, for hosts that count it to a limit.
    public static let bytesAliveFunction: @convention(c) () -> Int64 = cx_tensor_bytes

    private static let largePage = 2 << 20

    /// Allocates `byteCount` bytes, not cleared.
    /// - Throws: `TensorError.outOfMemory` over the limit or where the system refuses.
    public init(byteCount: Int) throws {
        guard byteCount >= 0 else { throw TensorError.outOfMemory(bytes: byteCount) }
        let alive = Storage.bytesAlive
        guard byteCount <= Storage.limit - min(alive, Storage.limit) else {
            throw TensorError.outOfMemory(bytes: byteCount)
        }
        var pointer: UnsafeMutableRawPointer?
        let isLarge = byteCount >= 4 * Storage.largePage
        guard posix_memalign(&pointer, isLarge ? Storage.largePage : 64, max(64, byteCount)) == 0,
            let allocated = pointer
        else {
            throw TensorError.outOfMemory(bytes: byteCount)
        }
        // Fewer page faults and misses of the address cache; where the system has no large pages nothing changes.
        if isLarge { madvise(allocated, byteCount, MADV_HUGEPAGE) }
        self.bytes = allocated
        self.byteCount = byteCount
        self.owner = nil
        self.mapping = nil
        cx_tensor_bytes_add(Int64(byteCount))
    }

    /// Whether `count` values of `size` bytes would fit under the limit: for arrays beside tensors, which nothing counts while
    /// they live.
    /// - Throws: `TensorError.outOfMemory` where they would not.
    public static func checkRoom(_ count: Int, _ size: Int) throws {
        let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
        guard !overflow, bytes <= limit - min(bytesAlive, limit) else {
            throw TensorError.outOfMemory(bytes: overflow ? Int.max : bytes)
        }
    }

    /// Views memory that `owner` keeps alive. Tensors over it must not be written to.
    /// - Parameter mapping: the whole private mapping of a file, which nobody writes to, where the memory lies in one.
    public init(
        borrowing bytes: UnsafeMutableRawPointer, byteCount: Int, owner: AnyObject,
        mapping: UnsafeRawBufferPointer? = nil
    ) {
        self.bytes = bytes
        self.byteCount = byteCount
        self.owner = owner
        self.mapping = mapping
    }

    /// Gives the pages of a mapped file back to the system, which reads them from the file again where need be: all of the
    /// file's, as to read one maps its neighbours, too.
    func dropPages() {
        guard let base = mapping?.baseAddress, let size = mapping?.count else { return }
        madvise(UnsafeMutableRawPointer(mutating: base), size, MADV_DONTNEED)
    }

    /// Asks the system to read a part of a mapped file into its cache.
    func readAhead(_ first: Int, _ count: Int) {
        guard mapping != nil, first >= 0, count > 0, first + count <= byteCount else { return }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let begin = Int(bitPattern: bytes) + first
        let start = begin / page * page
        madvise(UnsafeMutableRawPointer(bitPattern: start), begin + count - start, MADV_WILLNEED)
    }

    /// Gives memory of the heap that nothing uses back to the system, after work that came and went.
    public static func trimHeap() { cx_trim_heap() }

    /// Whether the memory belongs to another object (a mapped file), so that it must not be written to.
    public var isBorrowed: Bool { owner != nil }

    deinit {
        if owner == nil {
            free(bytes)
            cx_tensor_bytes_add(-Int64(byteCount))
        }
    }
}
