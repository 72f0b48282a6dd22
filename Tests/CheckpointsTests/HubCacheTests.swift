import Checkpoints
import Foundation
import TestSupport
import Testing

@Suite struct HubCacheTests {
    private let commit = "0123456789abcdef0123456789abcdef01234567"

    private func cache(_ root: String) throws -> Scratch {
        let scratch = try Scratch()
        let folder = "\(root)/models--microsoft--rad-dino"
        try scratch.write("\(folder)/refs/main", commit)
        let blob = try scratch.write("\(folder)/blobs/abc", "{}")
        try scratch.write("\(folder)/snapshots/\(commit)/model.safetensors", "x")
        let link = "\(scratch.path)/\(folder)/snapshots/\(commit)/config.json"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "../../blobs/abc")
        #expect(FileManager.default.fileExists(atPath: blob))
        return scratch
    }

    @Test func namesLeadToTheSnapshot() throws {
        for (root, variable, value) in [
            ("hub", "HF_HUB_CACHE", "/hub"), ("home/hub", "HF_HOME", "/home"),
            ("xdg/huggingface/hub", "XDG_CACHE_HOME", "/xdg"), (".cache/huggingface/hub", "HOME", ""),
        ] {
            let scratch = try cache(root)
            var environment = ["HOME": scratch.path]
            environment[variable] = scratch.path + value
            let snapshot = "\(scratch.path)/\(root)/models--microsoft--rad-dino/snapshots/\(commit)"
            #expect(try HubCache.locate("microsoft/rad-dino", environment: environment) == snapshot)
            let file = try HubCache.locate("microsoft/rad-dino", file: "config.json", environment: environment)
            #expect(file == snapshot + "/config.json")
            #expect(try HubCache.locate("microsoft/rad-dino@\(commit)", environment: environment) == snapshot)
        }
    }

    @Test func theOnlySnapshotIsTakenWithoutReference() throws {
        let scratch = try cache("hub")
        let folder = "\(scratch.path)/hub/models--microsoft--rad-dino"
        let environment = ["HF_HUB_CACHE": scratch.path + "/hub"]
        try FileManager.default.removeItem(atPath: folder + "/refs")
        #expect(
            try HubCache.locate("microsoft/rad-dino", environment: environment) == "\(folder)/snapshots/\(commit)")
        try scratch.write("hub/models--microsoft--rad-dino/snapshots/ffff/x", "x")
        #expect(
            message { _ = try HubCache.locate("microsoft/rad-dino", environment: environment) }
                .contains("no snapshot of that revision"))
    }

    @Test func whatIsMissingIsNamedWithTheWayToGetIt() throws {
        let scratch = try cache("hub")
        let environment = ["HF_HUB_CACHE": scratch.path + "/hub", "HOME": scratch.path]
        let text = message {
            _ = try HubCache.locate("microsoft/rad-dino", file: "preprocessor_config.json", environment: environment)
        }
        #expect(text.hasPrefix("preprocessor_config.json of microsoft/rad-dino was not found; looked for:"))
        #expect(text.contains("snapshots/\(commit)/preprocessor_config.json"))
        #expect(text.contains("`huggingface-cli download microsoft/rad-dino preprocessor_config.json`"))
        let torch = message { _ = try HubCache.locate("weights.pth", environment: environment) }
        #expect(torch.contains("\(scratch.path)/.cache/torch/hub/checkpoints/weights.pth"))
        try scratch.write("torch/hub/checkpoints/weights.pth", "x")
        let found = try HubCache.locate("weights.pth", environment: ["TORCH_HOME": scratch.path + "/torch"])
        #expect(found == scratch.path + "/torch/hub/checkpoints/weights.pth")
        #expect(try HubCache.locate("~/torch", environment: environment) == scratch.path + "/torch")
        try scratch.write("hub/models--a--b/refs/main", "../../../etc")
        #expect(message { _ = try HubCache.locate("a/b", environment: environment) }.contains("no snapshot"))
        for name in ["", "..", "../..", "a/b/c", "a//b", "@", "a/b@../x"] {
            #expect(message { _ = try HubCache.locate("none/" + name, environment: environment) }.contains("not found"))
        }
    }
}
