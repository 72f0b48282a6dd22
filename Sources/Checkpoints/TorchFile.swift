import Files
import Tensors

/// Writes a dictionary of tensors as PyTorch's `torch.save` does: a stored zip file with a pickle of protocol 2 and a file a tensor.
public enum TorchFile {
    /// Writes f32 tensors, whole or not at all.
    /// - Throws: `FileError` where the file cannot be written, `TensorError` for values that do not become f32.
    public static func write(_ path: String, _ tensors: [(name: String, tensor: Tensor)]) throws {
        var pickle = Pickle()
        pickle.bytes += [0x80, 2, UInt8(ascii: "}"), UInt8(ascii: "(")]
        for (index, (name, tensor)) in tensors.enumerated() {
            pickle.text(name)
            pickle.tensor(tensor.shape, storage: String(index))
        }
        pickle.bytes += [UInt8(ascii: "u"), UInt8(ascii: ".")]
        try AtomicFile.write(path) { writer in
            var zip = ZipWriter(path: path)
            let nothing = try Tensor(uninitialized: [0])
            try zip.add("archive/data.pkl", pickle.bytes, nothing, to: writer)
            try zip.add("archive/byteorder", Array("little".utf8), nothing, to: writer)
            for (index, (_, tensor)) in tensors.enumerated() {
                try zip.add("archive/data/\(index)", [], tensor.to(.f32).contiguous(), to: writer)
            }
            try zip.add("archive/version", Array("3\n".utf8), nothing, to: writer)
            try zip.finish(writer)
        }
    }

    /// The few operations of a pickle that tensors need.
    private struct Pickle {
        var bytes: [UInt8] = []

        mutating func text(_ text: String) {
            bytes.append(UInt8(ascii: "X"))
            number(text.utf8.count)
            bytes += Array(text.utf8)
        }

        private mutating func number(_ value: Int) {
            withUnsafeBytes(of: UInt32(truncatingIfNeeded: value).littleEndian) { bytes += Array($0) }
        }

        private mutating func global(_ module: String, _ name: String) {
            bytes += Array("c\(module)\n\(name)\n".utf8)
        }

        /// An integer of up to eight bytes, little-endian, and never negative.
        private mutating func integer(_ value: Int) {
            bytes += [0x8A, 8]
            withUnsafeBytes(of: Int64(value).littleEndian) { bytes += Array($0) }
        }

        private mutating func tuple(_ values: [Int]) {
            bytes.append(UInt8(ascii: "("))
            for value in values { integer(value) }
            bytes.append(UInt8(ascii: "t"))
        }

        mutating func tensor(_ shape: [Int], storage: String) {
            global("torch._utils", "_rebuild_tensor_v2")
            bytes += [UInt8(ascii: "("), UInt8(ascii: "(")]
            text("storage")
            global("torch", "FloatStorage")
            text(storage)
            text("cpu")
            integer(shape.reduce(1, *))
            bytes += [UInt8(ascii: "t"), UInt8(ascii: "Q")]
            integer(0)
            tuple(shape)
            tuple(Tensor.contiguousStrides(shape))
            // No gradient, and no hooks.
            bytes.append(0x89)
            global("collections", "OrderedDict")
            bytes += [UInt8(ascii: ")"), UInt8(ascii: "R"), UInt8(ascii: "t"), UInt8(ascii: "R")]
        }
    }
}
