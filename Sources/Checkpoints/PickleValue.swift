/// A value on the stack of the pickle machine. Containers live in the machine's arena and are referred to by index, so
/// that no pickle can build a nest whose release would recurse.
enum PickleValue {
    case none
    case boolean(Bool)
    case integer(Int)
    /// An integer of more than 64 bits: little-endian two's complement.
    case longInteger([UInt8])
    case float(Double)
    case text(String)
    case bytes([UInt8])
    case mark
    case reference(Int)
}

/// What the machine builds: records of ours, never objects of the program that wrote the pickle.
enum PickleNode {
    case tuple([PickleValue])
    case list([PickleValue])
    case dictionary([(key: PickleValue, value: PickleValue)])
    /// An allowed name, not yet applied to arguments.
    case global(AllowedGlobal)
    case storage(PickledStorage)
    case tensor(PickledTensor)
    case elementType(ElementType)
    /// A NumPy dtype, by its name without byte order.
    case numPyType(name: String, isBigEndian: Bool)
    /// An object of an allowed kind that holds no weights; its content was read over.
    case opaque(String)
}

/// A reference to a storage of the file.
struct PickledStorage {
    let key: String
    /// Nil for untyped storages, whose elements are bytes.
    let type: ElementType?
    /// The size of the whole storage, in elements of `type`.
    let count: Int
    /// Where a view of legacy files begins, and how many elements it has.
    let viewOffset: Int
    let viewCount: Int
}

/// A tensor as its pickle describes it, not yet checked against the storage's real size.
struct PickledTensor {
    let storage: PickledStorage
    let type: ElementType
    let offset: Int
    let shape: [Int]
    let strides: [Int]
}
