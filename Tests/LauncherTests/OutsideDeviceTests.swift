import Devices
import Encoders
import Engine
import EngineCPU
import Files
import Foundation
import Identity
import Launcher
import LuaRuntime
import Tensors
import TestSupport
import Testing

/// A device from outside the program: the processor under another name, which counts what it made and ran.
private final class Abacus: @unchecked Sendable {
    private let lock = NSLock()
    private var counts = (made: 0, passes: 0)

    /// How many executors were made.
    var made: Int { lock.withLock { counts.made } }
    /// How many passes they ran.
    var passes: Int { lock.withLock { counts.passes } }

    func count(made: Int = 0, passes: Int = 0) {
        lock.withLock { counts = (counts.made + made, counts.passes + passes) }
    }

    func device() throws -> Device {
        let kind = try #require(DeviceKind(rawValue: "abacus"))
        return Device(kind) { [self] dtype in
            count(made: 1)
            return try CountingExecutor(dtype: dtype, kind, self)
        }
    }
}

private final class CountingExecutor: Executor {
    let deviceKind: DeviceKind
    private let own: CPUExecutor
    private let abacus: Abacus

    init(dtype: DType, _ kind: DeviceKind, _ abacus: Abacus) throws {
        own = try CPUExecutor(dtype: dtype)
        deviceKind = kind
        self.abacus = abacus
    }

    var dtype: DType { own.dtype }
    func map(
        _ count: Int, _ schedule: Schedule, _ body: @escaping (CPUExecution, Range<Int>) throws -> [Tensor]
    ) throws -> [Tensor] {
        abacus.count(passes: 1)
        return try own.map(count, schedule, body)
    }
    func run<Result>(_ body: (CPUExecution) throws -> Result) throws -> Result {
        abacus.count(passes: 1)
        return try own.run(body)
    }
    func releaseActivations() { own.releaseActivations() }
    func releaseMemory() { own.releaseMemory() }
    func forget() { own.forget() }
}

@Suite struct OutsideDeviceTests {
    /// A Lua state whose models may run on the abacus.
    private func session(_ scratch: Scratch, _ abacus: Abacus) throws -> Session {
        var options = LuaOptions()
        options.searchFolders = [Places.package + "/lua", Places.package + "/Tests/Lua"]
        options.writableFolders = [scratch.path]
        var devices = Device.known
        try devices.add("abacus", abacus.device())
        return try Session(options, devices: devices)
    }

    /// The encoder runs where the script says, with the processor's bits, and its identity says so.
    @Test func anEncoderRunsOnTheDeviceThatIsNamed() throws {
        let (scratch, abacus) = (try Scratch(), Abacus())
        let session = try session(scratch, abacus)
        defer { session.host.close() }
        let values = try session.host.run(
            """
            local model, tensor, image = require "chexgen.model", require "chexgen.tensor", require "chexgen.image"
            local folder = require "small_encoder".make("\(scratch.path)")
            local film = image.from_tensor((tensor.rand({ 40, 30, 3 }, tensor.generator(1)) * 255):to "u8")
            local plain = model.encoder("rad-dino", { weights = folder })
            local other = model.encoder("rad-dino", { weights = folder, device = "abacus", dtype = "f32" })
            local same = (plain:features { film } - other:features { film }):abs():max():item() == 0
            local ok, reason = pcall(model.encoder, "rad-dino", { weights = folder, device = "slate" })
            local kind = select(2, pcall(model.encoder, "rad-dino", { weights = folder, device = 3 }))
            return plain:identity(), other:identity(), tostring(reason), tostring(kind), same, ok
            """, name: "test")
        let texts = values.compactMap(\.stringValue)
        try #require(texts.count == 4)
        #expect(texts[0].hasSuffix("device=cpu"), "\(texts)")
        #expect(texts[1] == texts[0].replacingOccurrences(of: "device=cpu", with: "device=abacus"), "\(texts)")
        #expect(texts[2].contains("device") && texts[2].contains("slate") && texts[2].contains("cpu, abacus"))
        #expect(texts[3].contains("options.device"), "\(texts[3])")
        #expect(values.compactMap(\.booleanValue) == [true, false])
        #expect(abacus.made == 1 && abacus.passes > 0)

        // The registry alone does the same.
        let encoder = try EncoderRegistry.standard.make(
            "rad-dino", weights: scratch.path, dtype: .bf16, on: abacus.device())
        #expect(try encoder.identity(.exact).device.rawValue == "abacus" && encoder.dtype == .bf16)
        #expect(abacus.made == 2)
    }

    /// So do all networks of a pipeline, and its pictures are others of the same seed: a state is not taken up.
    @Test func aPipelineRunsOnTheDeviceThatIsNamed() throws {
        let (scratch, abacus) = (try Scratch(), Abacus())
        for name in ["unet", "vae", "text_encoder", "tokenizer", "scheduler"] {
            try scratch.write("\(name)/none", "")
        }
        let session = try session(scratch, abacus)
        defer { session.host.close() }
        let values = try session.host.run(
            """
            local model = require "chexgen.model"
            local folder = require "small_pipeline".make("\(scratch.path)")
            local wanted = { prompt = "effusion", steps = 2, seed = 5 }
            local function bytes(pipe) return pipe:generate(wanted)[1]:tensor() end
            local plain, other = model.pipeline(folder), model.pipeline(folder, { device = "abacus" })
            return plain.identity, other.identity, (bytes(plain):to "f32" - bytes(other):to "f32"):abs():max():item() == 0
            """, name: "test")
        let texts = values.compactMap(\.stringValue)
        try #require(texts.count == 2)
        #expect(texts[0] != texts[1])
        #expect(values.last?.booleanValue == true)
        // Text encoder, denoiser and autoencoder.
        #expect(abacus.made == 3 && abacus.passes >= 4)
    }

    /// A language model, and a labeler of reports, take the device, too.
    @Test func languageModelsAndLabelersTakeTheDevice() throws {
        let (scratch, abacus) = (try Scratch(), Abacus())
        try scratch.write("labeler/none", "")
        let session = try session(scratch, abacus)
        defer { session.host.close() }
        let values = try session.host.run(
            """
            local model = require "chexgen.model"
            local folder = "\(scratch.path)"
            require "small_language".make(folder)
            local lm = model.language(folder, { device = "abacus" })
            local texts = lm:generate { prompt = { 1, 2 }, max_new_tokens = 2 }
            require "small_labeler".make(folder .. "/labeler")
            local labeler = model.labeler("chexbert", { weights = folder .. "/labeler/chexbert.safetensors",
              tokenizer = folder .. "/labeler/vocab.txt", device = "abacus" })
            return labeler.identity.device, #texts
            """, name: "test")
        #expect(values.first?.stringValue == "abacus" && values.last?.integerValue == 1)
        #expect(abacus.made == 2 && abacus.passes > 0)
    }
}
