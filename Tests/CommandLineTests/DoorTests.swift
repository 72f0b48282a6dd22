import Foundation
import TestSupport
import Testing

/// What scripts write and read goes through one door each.
@Suite struct DoorTests {
    private static let names = [
        "x.npy", "x.npz", "x.safetensors", "x.png", "x.jpg", "x.moments", "x.csv", "line.svg", "bar.svg", "w.txt",
        "a.txt",
        "r.txt",
    ]

    /// Links inside a folder that scripts may write to, which lead outside, are refused by every writer.
    @Test func linksThatLeadOutside() throws {
        let folder = try Scratch()
        try FileManager.default.createDirectory(atPath: "\(folder.path)/allowed", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: "\(folder.path)/elsewhere", withIntermediateDirectories: true)
        let victim = try folder.write("victim", "precious")
        for name in Self.names {
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder.path)/allowed/\(name)", withDestinationPath: victim)
        }
        try FileManager.default.createSymbolicLink(
            atPath: "\(folder.path)/allowed/outside", withDestinationPath: "\(folder.path)/elsewhere")
        let outcome = try Child.run(
            ["run", Places.package + "/Tests/Lua/command_line/links.lua", "--allow-write", "allowed", "allowed"],
            in: folder)
        #expect(outcome.status == 0 && outcome.output.contains("refused"), "\(outcome.text)")
        #expect(try folder.text("victim") == "precious")
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/elsewhere").isEmpty)
    }

    /// A table that runs share is no way past a link either.
    @Test func sharedTablesAreNotLinks() throws {
        let folder = try Scratch()
        try FileManager.default.createDirectory(atPath: "\(folder.path)/Results", withIntermediateDirectories: true)
        let elsewhere = try Scratch()
        let victim = try elsewhere.write("victim.csv", "a\n1\n")
        try FileManager.default.createSymbolicLink(
            atPath: "\(folder.path)/Results/table.csv", withDestinationPath: victim)
        try folder.write(
            "publish.lua", "return { run = function(run) run:publish('Results/table.csv', { { 'a', 2 } }) end }\n")
        let outcome = try Child.run(["run", "publish.lua", "--out", "run"], in: folder)
        #expect(outcome.status == 1 && outcome.errors.contains("a symbolic link"), "\(outcome.text)")
        #expect(try elsewhere.text("victim.csv") == "a\n1\n")
    }

    /// A sealed script sees its inputs, and neither other files nor the environment, by whatever function it reads.
    @Test func sealedRuns() throws {
        let folder = try Scratch()
        for name in ["in", "out"] {
            try FileManager.default.createDirectory(atPath: "\(folder.path)/\(name)", withIntermediateDirectories: true)
        }
        try folder.write("secret.csv", "a\n1\n")
        try folder.write("in/table.csv", "a\n1\n")
        try FileManager.default.createSymbolicLink(
            atPath: "\(folder.path)/in/link.csv", withDestinationPath: "\(folder.path)/secret.csv")
        try folder.write("module.lua", "return 7")
        try folder.write(
            "sealed.lua",
            """
            local dataset, image, tensor = require "chexgen.dataset", require "chexgen.image", require "chexgen.tensor"
            local metric, model = require "chexgen.metric", require "chexgen.model"
            assert(require "module" == 7)
            assert(#dataset.csv { path = "in/table.csv" } == 1)
            assert(io.open("in/table.csv"):read "a" == "a\\n1\\n")
            image.save("out/x.png", image.from_tensor(tensor.zeros({ 4, 4 }, "u8")))
            assert(image.load("out/x.png").width == 4)
            for _, path in ipairs { "secret.csv", "in/../secret.csv", "in/link.csv", "/etc/hostname" } do
              for name, way in pairs {
                open = function() assert(io.open(path)) end, lines = function() io.lines(path) end,
                csv = function() dataset.csv { path = path } end, image = function() image.load(path) end,
                load = function() tensor.load(path) end, radiomics = function() metric.radiomics(path) end,
                table = function() metric.load_radiomics(path) end, moments = function() metric.load_moments(path) end,
                settings = function() metric.radiomics("out/x.png", { settings = path }) end,
                weights = function() model.encoder("inception-v3", { weights = path }) end,
              } do
                local ok, reason = pcall(way)
                assert(not ok and tostring(reason):find "may not read there", name .. " " .. path .. ": " .. tostring(reason))
              end
            end
            assert(os.getenv "HOME" == nil and os.getenv "PATH" == nil)
            print "sealed"

            """)
        let outcome = try Child.run(
            ["run", "sealed.lua", "--allow-read", "in", "--allow-write", "out"], in: folder)
        #expect(outcome.status == 0 && outcome.output.contains("sealed"), "\(outcome.text)")
        let open = try Child.run(["run", "sealed.lua", "--allow-write", "out"], in: folder)
        #expect(open.status == 1 && open.errors.contains("csv secret.csv"), "\(open.text)")
        let missing = try Child.run(["run", "sealed.lua", "--allow-read", "nowhere"], in: folder)
        #expect(missing.status == 2 && missing.errors.contains("there is no folder nowhere"), "\(missing.text)")
    }

    /// A sealed run has its folder, its tables and its resumption.
    @Test func sealedExperiments() throws {
        let folder = try Scratch()
        try folder.write(
            "steps.lua",
            """
            return { run = function(run)
              run:record { value = run:once("first", function() return 3 end) }
              run:publish("Results/table.csv", { { "a", 1 } })
              assert(io.open "go", "stopped")
            end }

            """)
        try folder.write("run.yaml", "experiment: steps.lua\n")
        let stopped = try Child.run(["run", "run.yaml", "--out", "run", "--sealed"], in: folder)
        #expect(stopped.status == 1 && stopped.errors.contains("stopped"), "\(stopped.text)")
        try folder.write("go", "")
        let words = ["--sealed", "--allow-read", "go"]
        let resumed = try Child.run(["run", "run.yaml", "--resume", "run"] + words, in: folder)
        #expect(resumed.status == 0, "\(resumed.text)")
        #expect(try folder.text("run/results.csv") == "value\n3\n")
        #expect(try folder.text("Results/table.csv") == "a\n1\n")
    }

    /// A sealed study that was killed goes on sealed, from its folder alone, and to the same bytes; its inputs stay shut where
    /// they are not allowed again.
    @Test func sealedStudiesGoOn() throws {
        let folder = try Study.folder()
        let inputs = ["real", "synthetic", "weights"].flatMap { ["--allow-read", $0] }
        let whole = try Child.run(["run", "study.yaml", "--out", "a", "--quiet"] + inputs, in: folder)
        #expect(whole.status == 0, "\(whole.text)")
        let child = try Child(["run", "study.yaml", "--out", "run"] + inputs, in: folder)
        _ = child.waits { folder.has("run/journal") }
        child.signal(SIGKILL)
        _ = try child.wait()
        let shut = try Child.run(["run", "--resume", "run", "--sealed"], in: folder)
        #expect(shut.status != 0 && shut.errors.contains("may not read there"), "\(shut.text)")
        let resumed = try Child.run(["run", "--resume", "run", "--sealed"] + inputs, in: folder)
        #expect(resumed.status == 0, "\(resumed.text)")
        #expect(try folder.data("run/results.csv") == folder.data("a/results.csv"))
    }
}
