import Tensors

/// The element types that checkpoint files store. Those without a tensor dtype of their own are widened when read.
enum ElementType: String {
    case f64, f32, f16, bf16, i64, i32, i16, i8, u8, u16, u32, u64, bool
    case f8e4m3 = "float8_e4m3fn"
    case f8e5m2 = "float8_e5m2"
    case complex64, complex128

    /// Bytes of one element.
    var size: Int {
        switch self {
        case .f8e4m3, .f8e5m2, .i8, .u8, .bool: return 1
        case .f16, .bf16, .i16, .u16: return 2
        case .f32, .i32, .u32: return 4
        case .f64, .i64, .u64, .complex64: return 8
        case .complex128: return 16
        }
    }

    /// The dtype of the tensor that is read: the same, or the next wider one that holds every value; nil where none does.
    var dtype: DType? {
        switch self {
        case .f64: return .f64
        case .f32: return .f32
        case .f16: return .f16
        case .bf16: return .bf16
        case .i64, .u32, .u64: return .i64
        case .i32, .i16, .i8, .u16: return .i32
        case .u8: return .u8
        case .bool: return .bool
        case .f8e4m3, .f8e5m2: return .f32
        case .complex64, .complex128: return nil
        }
    }

    /// Whether a tensor of `dtype` can view the stored bytes as they are.
    var isStoredAsDType: Bool {
        switch self {
        case .f64, .f32, .f16, .bf16, .i64, .i32, .u8: return true
        default: return false
        }
    }

    /// The names of the safetensors format.
    static let safeTensorsNames: [String: ElementType] = [
        "F64": .f64, "F32": .f32, "F16": .f16, "BF16": .bf16, "I64": .i64, "I32": .i32, "I16": .i16, "I8": .i8,
        "U8": .u8, "U16": .u16, "U32": .u32, "U64": .u64, "BOOL": .bool, "F8_E4M3": .f8e4m3, "F8_E5M2": .f8e5m2,
        "C64": .complex64,
    ]

    /// PyTorch's storage classes, in the module `torch`.
    static let torchStorages: [String: ElementType] = [
        "DoubleStorage": .f64, "FloatStorage": .f32, "HalfStorage": .f16, "BFloat16Storage": .bf16,
        "LongStorage": .i64, "IntStorage": .i32, "ShortStorage": .i16, "CharStorage": .i8, "ByteStorage": .u8,
        "BoolStorage": .bool, "ComplexFloatStorage": .complex64, "ComplexDoubleStorage": .complex128,
    ]

    /// PyTorch's dtypes, in the module `torch`.
    static let torchDTypes: [String: ElementType] = [
        "float64": .f64, "float32": .f32, "float16": .f16, "bfloat16": .bf16, "int64": .i64, "int32": .i32,
        "int16": .i16, "int8": .i8, "uint8": .u8, "uint16": .u16, "uint32": .u32, "uint64": .u64, "bool": .bool,
        "float8_e4m3fn": .f8e4m3, "float8_e5m2": .f8e5m2, "complex64": .complex64, "complex128": .complex128,
    ]

    /// NumPy's kind letter and size of `descr`, without the byte order.
    static let numPyNames: [String: ElementType] = [
        "f8": .f64, "f4": .f32, "f2": .f16, "i8": .i64, "i4": .i32, "i2": .i16, "i1": .i8, "u1": .u8, "u2": .u16,
        "u4": .u32, "u8": .u64, "b1": .bool, "c8": .complex64, "c16": .complex128,
    ]
}

extension DType {
    /// The name of the safetensors format.
    var safeTensorsName: String {
        switch self {
        case .f64: return "F64"
        case .f32: return "F32"
        case .f16: return "F16"
        case .bf16: return "BF16"
        case .i64: return "I64"
        case .i32: return "I32"
        case .u8: return "U8"
        case .bool: return "BOOL"
        }
    }
}
