import Engine
import Files
import Launcher
import LuaRuntime
import Networks
import Tensors
import TestSupport
import Testing
import Training

/// A classifier from outside the program: one file and one entry. A linear layer on the mean of each channel.
private final class ChannelMeans: ClassifierNetwork {
    static let entry = ClassifierEntry(
        "channel-means", about: "a layer on the means of the channels",
        initial: { parameter, _, _ in
            parameter.name.hasSuffix("bias")
                ? try Tensor.zeros(parameter.shape) : try Tensor.full(parameter.shape, .number(0.5), .f32)
        }, make: { ChannelMeans($0) })

    let parameters = ParameterScope()
    let head = "top"
    private let layer: Linear

    init(_ classes: Int) { layer = Linear(parameters["top"], inputs: 3, outputs: classes) }

    func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        try execution.linear(layer, execution.globalAverage(x), Epilogue(result: .f32))
    }
}

@Suite struct OutsideClassifierTests {
    /// Everything that knows classifiers knows it: the list, the manual, its weights at the start, training, and its file.
    @Test func aClassifierIsAFileAndAnEntry() throws {
        let scratch = try Scratch()
        var known = ClassifierRegistry.standard
        try known.add(ChannelMeans.entry)
        #expect(throws: RegistryError.self) { try known.add(ChannelMeans.entry) }
        var options = LuaOptions()
        options.searchFolders = [Places.package + "/lua"]
        options.writableFolders = [scratch.path]
        let session = try Session(options, classifiers: known)
        defer { session.host.close() }
        let function = session.context.modules.flatMap(\.functions).first { $0.name == "classifier" }
        #expect(function?.parameters.first?.text.contains("`channel-means` (a layer on") == true)
        let values = try session.host.run(
            """
            local model, image, tensor = require "chexgen.model", require "chexgen.image", require "chexgen.tensor"
            local help = require "chexgen.help"
            local net = model.classifier("channel-means", { classes = 2 })
            local logits = net:forward(tensor.ones { 1, 32, 32, 3 })
            local paths = {}
            for i = 1, 2 do
              paths[i] = ("\(scratch.path)/film%d.png"):format(i)
              image.save(paths[i], image.from_tensor((tensor.ones { 8, 8, 3 } * (100 * i)):to "u8"))
            end
            local before = net:predict(paths)[1][1]:item()
            local history = net:fit { train = { paths, tensor.new { { 1, 0 }, { 0, 1 } } }, epochs = 1, batch = 2, seed = 3,
              learning_rate = 0.1 }
            local after = net:predict(paths)[1][1]:item()
            net:save("\(scratch.path)/net.safetensors")
            local loaded = model.load_classifier("\(scratch.path)/net.safetensors")
            local parameters = model.parameters("channel-means", { classes = 2 })
            return model.classifiers[#model.classifiers], loaded.name, help.texts.network, logits[1][1]:item(),
              parameters[1].shape[1], #history, before ~= after, loaded:predict(paths)[1][1]:item() == after
            """, name: "classifier")
        #expect(values.compactMap(\.stringValue).prefix(2) == ["channel-means", "channel-means"])
        #expect(values[2].stringValue?.hasSuffix("densenet121, channel-means") == true)
        #expect(values.compactMap(\.numberValue) == [1.5, 2, 1])
        #expect(values.compactMap(\.booleanValue) == [true, true])
        // Without the entry, the program says what it knows, and what a file's network is called.
        let plain = try Session(LuaOptions())
        defer { plain.host.close() }
        for call in ["classifier('channel-means')", "load_classifier('\(scratch.path)/net.safetensors')"] {
            let found = message { _ = try plain.host.run("require('chexgen.model').\(call)", name: "test") }
            #expect(found.contains("channel-means") && found.contains("densenet121"), "\(found)")
        }
    }
}
