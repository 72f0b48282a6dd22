import Checkpoints
import Files
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct SafeTensorsTests {
    private func tensor(_ begin: Int, _ end: Int, shape: String = "[1]", dtype: String = "F32") -> String {
        #"{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":[\#(begin),\#(end)]}"#
    }

    private func refusal(_ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
        let scratch = try Scratch()
        let path = try scratch.write("w.safetensors", bytes)
        return shortened(
            message({ _ = try Checkpoint.open(path) }, sourceLocation: sourceLocation), scratch)
    }

    private func opened(_ bytes: [UInt8]) throws -> Checkpoint {
        let scratch = try Scratch()
        return try Checkpoint.open(try scratch.write("w.safetensors", bytes))
    }

    @Test func lengthsAreCheckedAgainstTheFile() throws {
        #expect(try refusal([]).contains("the file is empty"))
        #expect(try refusal([UInt8](repeating: 0, count: 7)).contains("at least 8 bytes, this one 7"))
        #expect(try refusal(littleEndian(UInt64(0))).contains("does not begin with '{'"))
        #expect(try refusal(littleEndian(UInt64.max)).contains("18446744073709551615 bytes is over the limit"))
        #expect(try refusal(littleEndian(UInt64(16)) + Array("{}      ".utf8)).contains("ends after the file"))
        #expect(try refusal(littleEndian(UInt64(100_000_001)) + Array("{}".utf8)).contains("over the limit"))
        #expect(try refusal(littleEndian(UInt64(2).bigEndian) + Array("{}".utf8)).contains("over the limit"))
    }

    @Test func headersAreStrict() throws {
        #expect(try refusal(safeTensors("{\"\u{17E}").dropLast(1) + []).contains("ends after the file"))
        #expect(try refusal(littleEndian(UInt64(4)) + [0x7B, 0x22, 0xC5, 0x22]).contains("byte 2: not valid UTF-8"))
        #expect(try refusal(safeTensors(" {}")).contains("does not begin with '{'"))
        #expect(try refusal(safeTensors("{}x")).contains("line 1, column 3: unexpected 'x'"))
        #expect(try opened(safeTensors("{}   ")).names.isEmpty)
        #expect(try opened(safeTensors("{}\n")).names.isEmpty)
        #expect(try refusal(safeTensors("{}", data: 1)).contains("1 bytes follow the last tensor"))
        #expect(try refusal(safeTensors("{\"a\":1}")).contains("tensor \"a\": wanted an object"))
        #expect(try refusal(safeTensors(#"{"__metadata__":{"a":1}}"#)).contains("__metadata__.a: wanted a string"))
        #expect(try refusal(safeTensors(#"{"__metadata__":[]}"#)).contains("wanted an object of strings"))
        let one = tensor(0, 4)
        #expect(try refusal(safeTensors("{\"a\":\(one),\"a\":\(one)}", data: 4)).contains("stands twice"))
        let twice = #"{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
        #expect(try refusal(safeTensors(twice, data: 4)).contains("the key \"dtype\" stands twice"))
        let deep = "{\"a\":" + String(repeating: "[", count: 10_000)
        #expect(try refusal(safeTensors(deep)).contains("nested deeper than 128"))
        let extra = #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}"#
        #expect(try refusal(safeTensors(extra, data: 4)).contains("unknown key \"x\""))
    }

    @Test func offsetsLeaveNeitherHoleNorOverlap() throws {
        func two(_ first: String, _ second: String, data: Int) throws -> String {
            try refusal(safeTensors("{\"a\":\(first),\"b\":\(second)}", data: data))
        }
        #expect(try refusal(safeTensors("{\"a\":\(tensor(4, 0))}", data: 4)).contains("ends before, at 0"))
        #expect(try two(tensor(0, 4), tensor(3, 7), data: 7).contains("tensor \"b\": its data begins at byte 3"))
        #expect(try two(tensor(0, 4), tensor(5, 9), data: 9).contains("it leaves a hole before it"))
        #expect(try refusal(safeTensors("{\"a\":\(tensor(0, 4))}", data: 5)).contains("1 bytes follow"))
        #expect(try refusal(safeTensors("{\"a\":\(tensor(0, 4))}", data: 3)).contains("ends at byte 4 of only 3"))
        let many = (0..<100_000).map { "\"t\($0)\":\(tensor(0, 4))" }.joined(separator: ",")
        #expect(try refusal(safeTensors("{\(many)}", data: 4)).contains("overlaps the tensor before it"))
    }

    @Test func shapesAndTypesAreChecked() throws {
        func one(_ shape: String, dtype: String = "F32", end: Int = 4) throws -> String {
            try refusal(safeTensors("{\"a\":\(tensor(0, end, shape: shape, dtype: dtype))}", data: end))
        }
        #expect(try one("[4194305,4194305,211106198978564]", end: 16).contains("is too large"))
        #expect(try one("[-1]").contains("shape holds -1"))
        #expect(try one("[1.0]").contains("shape holds 1.0"))
        #expect(try one("[1e400]").contains("the number 1e400 is too large"))
        #expect(try one("[99999999999999999999999]").contains("wanted an integer"))
        #expect(try one("[2]").contains("needs 8 bytes, its data has 4"))
        #expect(try one("[1,1,1,1,1,1,1,1,1]").contains("9 dimensions are more than 8"))
        #expect(try one("[1]", dtype: "F33").contains("unknown dtype \"F33\""))
        #expect(try one("[1]", dtype: "F4").contains("unknown dtype \"F4\""))
        #expect(try one("\"x\"").contains("wanted a list shape"))
        let scalar = try opened(safeTensors("{\"a\":\(tensor(0, 4, shape: "[]"))}", data: 4))
        #expect(try scalar["a"].shape == [])
        let empties =
            "{\"a\":\(tensor(0, 0, shape: "[0,5]")),\"b\":\(tensor(0, 0, shape: "[0]")),\"c\":\(tensor(0, 4))}"
        let checkpoint = try opened(safeTensors(empties, data: 4))
        #expect(try checkpoint["a"].shape == [0, 5])
        #expect(try checkpoint["c"].array(Float.self) == [0])
        let hugeEmpty = "{\"a\":\(tensor(0, 0, shape: "[0,9223372036854775807,9223372036854775807]"))}"
        #expect(try refusal(safeTensors(hugeEmpty)).contains("is too large"))
    }

    @Test func namesAreLimited() throws {
        func named(_ name: String) -> [UInt8] { safeTensors("{\"\(name)\":\(tensor(0, 4))}", data: 4) }
        #expect(try refusal(named(String(repeating: "n", count: 1025))).contains("longer than 1024"))
        #expect(try opened(named(String(repeating: "n", count: 1024))).names.count == 1)
        #expect(try refusal(named("a\\u0000b")).contains("holds a NUL byte"))
        #expect(try opened(named("/../x")).names == ["/../x"])
    }

    @Test func theHeaderLimitCanBeRaised() throws {
        let scratch = try Scratch()
        let header = "{}" + String(repeating: " ", count: 998)
        let path = try scratch.write("w", safeTensors(header))
        #expect(try Checkpoint.open(path, headerLimit: 1000).names.isEmpty)
        #expect(message { _ = try Checkpoint.open(path, headerLimit: 999) }.contains("over the limit of 999"))
    }

    @Test func valuesThatAreNotFiniteAreReadAsTheyAre() throws {
        let scratch = try Scratch()
        let path = "\(scratch.path)/x.safetensors"
        let values: [Float] = [1, .nan, .infinity, -.infinity]
        try SafeTensors.write(path, [("x", try Tensor(values, shape: [4]))])
        let checkpoint = try Checkpoint.open(path)
        let read = try checkpoint["x"].array(Float.self)
        #expect(read.map(\.bitPattern) == values.map(\.bitPattern))
    }

    @Test func whatIsWrittenIsReadBack() throws {
        let scratch = try Scratch()
        let path = "\(scratch.path)/x.safetensors"
        let floats = try Tensor([Float](arrayLiteral: 1, 2, 3, 4, 5, 6), shape: [2, 3])
        let transposed = try Tensor(
            storage: floats.storage, dtype: .f32, shape: [3, 2], strides: [1, 3], offset: 0)
        let tensors: [(name: String, tensor: Tensor)] = [
            ("floats", floats), ("transposed", transposed), ("bytes", try Tensor([UInt8(1), 2, 3], shape: [3])),
            ("flags", try Tensor([true, false], shape: [2])), ("long", try Tensor([Int64.min], shape: [])),
            ("int", try Tensor([Int32(-1)], shape: [1, 1])), ("half", try Tensor([Float16(1.5)], shape: [1])),
            ("brain", try Tensor([BFloat16(2.5)], shape: [1])), ("double", try Tensor([0.1], shape: [1])),
            ("empty", try Tensor([Float](), shape: [0, 2])),
        ]
        try SafeTensors.write(path, tensors, metadata: ["b": "2", "a": "\"1\"\n"])
        let checkpoint = try Checkpoint.open(path)
        #expect(checkpoint.metadata == ["b": "2", "a": "\"1\"\n"])
        for (name, tensor) in tensors {
            let found = try checkpoint[name]
            #expect(found.dtype == tensor.dtype && found.shape == tensor.shape)
            #expect(try values(found) == values(tensor.contiguous()))
        }
        // Writing over the file that is mapped leaves the tensors of the old one whole.
        try SafeTensors.write(path, [("floats", try checkpoint["transposed"])])
        #expect(try Checkpoint.open(path)["floats"].array(Float.self) == [1, 4, 2, 5, 3, 6])
        #expect(message { try SafeTensors.write(path, [("a", floats), ("a", floats)]) }.contains("used twice"))
        #expect(message { try SafeTensors.write(path, [("__metadata__", floats)]) }.contains("is reserved"))
    }
}
