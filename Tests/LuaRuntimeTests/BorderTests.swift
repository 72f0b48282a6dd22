import Foundation
import TestSupport
import Testing

extension LuaRuntimeTests {
    /// Rules about the source text.
    @Suite struct Border {
        private var sources: URL {
            URL(fileURLWithPath: Places.package + "/Sources")
        }

        /// Lua's API raises errors over the frames of its caller, so no Swift file may name any of it.
        @Test func noSwiftFileCallsLuaItself() throws {
            let raw = try Regex(#"\b(lua|luaL)_[a-z]+"#)
            let files = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)
            var looked = 0
            while let file = files?.nextObject() as? URL {
                guard file.pathExtension == "swift" else { continue }
                let text = try String(contentsOf: file, encoding: .utf8)
                looked += 1
                #expect(text.firstMatch(of: raw) == nil, "\(file.lastPathComponent)")
            }
            #expect(looked > 10)
        }

        @Test func theHeaderShowsNothingOfLua() throws {
            let header = sources.appendingPathComponent("CLibraries/CLua/include/CLua.h")
            let text = try String(contentsOf: header, encoding: .utf8)
            #expect(!text.contains("lua5.4/"))
            #expect(text.firstMatch(of: try Regex(#"\bluaL?_[a-z]+\("#)) == nil)
        }
    }
}
