import Checkpoints
import Files
import Foundation
import Tensors
import TestSupport
import Testing

/// Pickles that must not get through, and some that must.
@Suite struct PickleTests {
    private typealias Build = PickleBuilder

    private func open(_ pickle: [UInt8], storages: [(String, [UInt8])] = []) throws -> Checkpoint {
        let scratch = try Scratch()
        return try Checkpoint.open(try scratch.write("w.pth", Build.archive(pickle, storages: storages).bytes()))
    }

    private func refusal(
        _ pickle: [UInt8], storages: [(String, [UInt8])] = [], sourceLocation: SourceLocation = #_sourceLocation
    ) -> String {
        message({ _ = try open(pickle, storages: storages) }, sourceLocation: sourceLocation)
    }

    private let floats: [UInt8] = [Float(1), 2, 3, 4].flatMap { littleEndian($0.bitPattern) }

    @Test func callsAreRefusedAndNamed() {
        let texts = [Build.text("touch /nowhere")]
        let cases: [(String, String)] = [
            ("posix", "system"), ("os", "system"), ("nt", "system"), ("builtins", "eval"), ("builtins", "getattr"),
            ("__builtin__", "exec"), ("subprocess", "Popen"), ("torch", "load"), ("torch.hub", "load"),
            ("runpy", "_run_code"), ("operator", "attrgetter"), ("torch.serialization", "load"), ("sys", "exit"),
            ("omegaconf", "os.system"), ("numpy.core.multiarray", "fromfile"), ("torch._utils", "_import_dotted_name"),
        ]
        for (module, name) in cases {
            let text = refusal(Build.dictionary(Build.call(module, name, texts)))
            #expect(text.contains("refused: the pickle asks for \"\(module).\(name)\" at byte 9"), "\(text)")
        }
        // STACK_GLOBAL, and a name alone that is never called.
        let stackGlobal =
            [0x80, 4] + [0x8C, 5] + Array("posix".utf8) + [0x8C, 6] + Array("system".utf8) + [0x93, 0x2E]
        #expect(refusal(stackGlobal).contains("\"posix.system\" at byte 17"))
        #expect(refusal([0x80, 2] + Build.global("posix", "system") + [0x2E]).contains("\"posix.system\" at byte 2"))
        // An allowed name must not lend its attributes or be called in other ways.
        let newObject = [0x80, 2] + Build.global("torch", "FloatStorage") + [0x29, 0x81, 0x2E]
        #expect(refusal(newObject).contains("a call of a type that only names storages"))
        #expect(refusal([0x80, 2] + Build.text("x") + [0x29, 0x52, 0x2E]).contains("a call of what is no name"))
        #expect(refusal([0x80, 2, 0x29, 0x7D, 0x62, 0x2E]).contains("BUILD on an object that takes no state"))
    }

    @Test func thePayloadIsFoundBeforeTheGarbage() {
        let pickle = [0x80, 2] + Build.call("posix", "system", [Build.text("id")]) + [0xFF, 0xFF, 0xFF]
        #expect(refusal(pickle).contains("\"posix.system\""))
    }

    @Test func refusalsAreFinal() throws {
        // A refused file is not tried as another format, whatever its name.
        let scratch = try Scratch()
        let archive = Build.archive(Build.dictionary(Build.call("posix", "system", [])))
        for name in ["w.pth", "w.safetensors", "w.npz", "model.bin"] {
            let path = try scratch.write(name, archive.bytes())
            #expect(message { _ = try Checkpoint.open(path) }.contains("\"posix.system\""))
        }
    }

    @Test func opcodesOutsideTheListAreRefused() {
        let opcodes: [(UInt8, String)] = [
            (0x69, "INST"), (0x6F, "OBJ"), (0x82, "EXT1"), (0x83, "EXT2"), (0x84, "EXT4"), (0x50, "PERSID"),
            (0x97, "NEXT_BUFFER"), (0x98, "READONLY_BUFFER"), (0x49, "0x49"), (0x53, "0x53"), (0xFF, "0xff"),
        ]
        for (opcode, name) in opcodes {
            let text = refusal([0x80, 2, 0x28, opcode, 0, 0, 0, 0, 0x2E])
            #expect(text.contains("refused: the pickle asks for the opcode \(name) at byte 3"), "\(text)")
        }
        #expect(refusal(Array("(dp0\n.".utf8)).contains("a pickle of protocol 0 or 1"))
        #expect(refusal([0x80, 6, 0x2E]).contains("wanted protocol 2 to 5"))
        #expect(refusal([0x80, 5, 0x7D, 0x2E]).contains("the pickle holds no tensors"))
    }

    @Test func everyOpcodeUnderflowsCleanly() {
        for opcode in UInt8.min...UInt8.max where opcode != 0x2E {
            for filler: [UInt8] in [[], [0x28], [0x4E], [0x29], [0x7D], [0x5D], [0x28, 0x4E]] {
                _ = refusal([0x80, 2] + filler + [opcode])
                _ = refusal([0x80, 2] + filler + [opcode] + [UInt8](repeating: 0, count: 12) + [0x2E])
                _ = refusal([0x80, 2] + filler + [opcode] + [UInt8](repeating: 0xFF, count: 12) + [0x2E])
            }
        }
        #expect(refusal([0x80, 2, 0x2E]).contains("the stack is empty"))
        #expect(refusal([0x80, 2]).contains("1 bytes are wanted and 0 are left"))
    }

    @Test func lengthsAndIndexesAreChecked() {
        let huge: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
        #expect(refusal([0x80, 2, 0x58] + huge + [0x61]).contains("4294967295 bytes are wanted and 1 are left"))
        #expect(refusal([0x80, 4, 0x8D] + huge + huge + [0x61]).contains("is too large"))
        #expect(refusal([0x80, 2, 0x4E, 0x72] + huge + [0x2E]).contains("memo index 4294967295 is too large"))
        #expect(refusal([0x80, 2, 0x6A] + huge + [0x2E]).contains("the memo has no entry 4294967295"))
        let marks = [0x80, 2] + [UInt8](repeating: 0x28, count: 4 << 20)
        #expect(refusal(marks).contains("more than 1000000 values on the stack"))
        let nest = [0x80, 2, 0x29] + [UInt8](repeating: 0x85, count: 9_000_000) + [0x2E]
        #expect(refusal(nest).contains("more than 8000000 objects"))
        // A million tuples, each in the next, are released without recursion.
        let deep = [0x80, 2, 0x29] + [UInt8](repeating: 0x85, count: 1_000_000) + [0x2E]
        #expect(refusal(deep).contains("nested deeper than 16 levels"))
    }

    @Test func containersThatHoldEachOtherEnd() {
        // A list that holds itself twice.
        let cycle: [UInt8] = [0x80, 2, 0x5D, 0x71, 0, 0x28, 0x68, 0, 0x68, 0, 0x65, 0x2E]
        #expect(refusal(cycle).contains("nested deeper than 16 levels"))
        // Fifteen lists, each holding the one before ten times.
        var laughs: [UInt8] = [0x80, 2, 0x5D, 0x71, 0, 0x30]
        for level in UInt8(1)..<15 {
            laughs += [0x5D, 0x71, level, 0x28] + (0..<10).flatMap { _ in [0x68, level - 1] } + [0x65, 0x30]
        }
        #expect(refusal(laughs + [0x68, 14, 0x2E]).contains("hold each other over and over"))
        // A dictionary that is copied into another over and over.
        var copies: [UInt8] = [0x80, 2, 0x7D, 0x28] + (0..<1000).flatMap { [0x4A] + littleEndian(Int32($0)) + [0x4E] }
        copies += [0x75, 0x71, 0, 0x30]
        for _ in 0..<9000 { copies += Build.global("collections", "OrderedDict") + [0x68, 0, 0x85, 0x52, 0x30] }
        #expect(refusal(copies).contains("more than 8000000 elements are copied"))
    }

    @Test func tensorsStayWithinTheirStorage() throws {
        func tensor(_ offset: Int, _ shape: [Int], _ strides: [Int]) -> [UInt8] {
            Build.dictionary(
                Build.tensor(Build.storage("0", count: 4), offset: offset, shape: shape, strides: strides))
        }
        let storages = [("0", floats)]
        #expect(try open(tensor(0, [2, 2], [2, 1]), storages: storages)["x"].array(Float.self) == [1, 2, 3, 4])
        #expect(try open(tensor(1, [3], [1]), storages: storages)["x"].array(Float.self) == [2, 3, 4])
        #expect(try open(tensor(4, [0], [1]), storages: storages)["x"].shape == [0])
        #expect(try open(tensor(3, [], []), storages: storages)["x"].array(Float.self) == [4])
        let bad: [(Int, [Int], [Int], String)] = [
            (0, [5], [1], "reaches element 4 of a storage of 4"), (1, [4], [1], "reaches element 4"),
            (5, [0], [1], "the offset 5 lies outside"), (-1, [1], [1], "no integer of 0 or more"),
            (0, [-1], [1], "no integer of 0 or more"), (3, [2], [-1], "no integer of 0 or more"),
            (0, [2], [Int.max], "reaches element 9223372036854775807"), (1, [2], [Int.max], "are too large"),
            (0, [3], [Int.max], "are too large"), (0, [Int.max, Int.max], [0, 0], "is too large"),
            (0, [Int.max], [0], "is too large"), (0, [2, 2], [1], "2 sizes but 1 strides"),
            (0, [1 << 20, 65], [0, 0], "repeats a storage of 4 elements to 68157440"),
            (0, [1, 1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1, 1], "more than 8"),
            (Int.max, [1], [1], "outside"),
        ]
        for (offset, shape, strides, text) in bad {
            let found = refusal(tensor(offset, shape, strides), storages: storages)
            #expect(found.contains(text), "\(found)")
        }
    }

    @Test func storagesAreWhatThePickleSays() {
        func tensors(_ storages: [[UInt8]]) -> [UInt8] {
            let items = storages.enumerated().flatMap { index, storage in
                Build.text("t\(index)") + Build.tensor(storage, shape: [1], strides: [1])
            }
            return [0x80, 2, 0x7D, 0x28] + items + [0x75, 0x2E]
        }
        let one = Build.storage("0", count: 4)
        #expect(refusal(tensors([one])).contains("its storage archive/data/0 is missing"))
        #expect(
            refusal(tensors([one]), storages: [("0", Array(floats.dropLast()))])
                .contains("a storage of 15 bytes, wanted 16"))
        #expect(
            refusal(tensors([one, Build.storage("0", "LongStorage", count: 2)]), storages: [("0", floats)])
                .contains("used with two element types"))
        #expect(
            refusal(tensors([one, Build.storage("0", count: 3)]), storages: [("0", floats)])
                .contains("has 4 elements and here 3"))
        #expect(refusal(tensors([Build.storage("0", count: Int.max)])).contains("is too large"))
        #expect(refusal(tensors([Build.storage("../../etc", count: 4)])).contains("is missing"))
        #expect(refusal(tensors([Build.storage("0", "QInt8Storage", count: 4)])).contains("\"torch.QInt8Storage\""))
    }

    @Test func legacyFilesAreCheckedToTheirEnd() throws {
        let scratch = try Scratch()
        let original = Array(try FileReader.data("\(fixtures)/legacy.pth", limit: 1 << 20))
        func refusal(_ bytes: [UInt8]) throws -> String {
            let path = try scratch.write("w.pth", bytes)
            return message { _ = try Checkpoint.open(path) }
        }
        #expect(try refusal(original + [0]).contains("1 bytes follow the last storage"))
        #expect(try refusal(Array(original.dropLast())).contains("the file was cut"))
        #expect(try refusal(Array(original.prefix(14))).contains("are wanted"))
        for length in stride(from: 14, to: original.count, by: 7) { _ = try refusal(Array(original.prefix(length))) }
        let evil = Build.dictionary(Build.call("posix", "system", []))
        let head = Array(original.prefix(15)) + [0x80, 2, 0x4D, 0xE9, 3, 0x2E, 0x80, 2, 0x7D, 0x2E]
        #expect(try refusal(head + evil).contains("\"posix.system\""))
    }
}
