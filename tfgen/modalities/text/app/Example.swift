// Writes on from a prompt with a TFLite file of $name on iOS. Not compiled where it was written.
// Podfile: pod 'TensorFlowLiteC'. Add $file to the app's bundle. tokenizer.json is of the library `tokenizers`: turn a
// prompt into ids, and ids into text, with a port of it, such as the package swift-transformers.
// The C interface is used because TensorFlowLiteSwift's Interpreter can't call a signature by its name.

import Foundation
import TensorFlowLiteC

struct Settings {
    var seed: Int32
    var temperature: Float = 0.8
    var topK: Int32 = 0
    var topP: Float = 0.95
}

final class Writer {
    private let model: OpaquePointer
    private let interpreter: OpaquePointer
    private let prefill: OpaquePointer
    private let decode: OpaquePointer
    private let shape: [Int32] = [1, $layers, $heads, $context, $head_dim]
    // What attention keeps of the tokens so far.
    private var keys = [Float](repeating: 0, count: $layers * $heads * $context * $head_dim)
    private var values = [Float](repeating: 0, count: $layers * $heads * $context * $head_dim)

    init() {
        let file = Bundle.main.path(forResource: "$stem", ofType: "tflite")!
        model = TfLiteModelCreateFromFile(file)!
        interpreter = TfLiteInterpreterCreate(model, nil)!
        prefill = TfLiteInterpreterGetSignatureRunner(interpreter, "prefill")!
        decode = TfLiteInterpreterGetSignatureRunner(interpreter, "decode")!
    }

    deinit {
        TfLiteSignatureRunnerDelete(prefill)
        TfLiteSignatureRunnerDelete(decode)
        TfLiteInterpreterDelete(interpreter)
        TfLiteModelDelete(model)
    }

    /// Calls `take` with new tokens one by one. The same prompt, seed and settings give the same text as on a server.
    func generate(promptIds: [Int32], most: Int, settings: Settings, take: (Int32) -> Void) {
        // A prompt that is too long is cut at its front; an empty one becomes one token.
        let kept = min(promptIds.count, $endless ? $context : max($context - most, $context / 2))
        let ids = kept == 0 ? [0] : Array(promptIds.suffix(kept))
        var token = run(prefill, settings, sizes: ["prompt_ids": [1, Int32(ids.count)], "prompt_length": [1]]) { runner in
            self.fill(runner, "prompt_ids", with: ids)
            self.fill(runner, "prompt_length", with: [Int32(kept)])
        }
        var position = Int32(max(kept, 1))
        for _ in 0..<($endless ? most : min(most, $context - Int(position))) {
            if [$ends].contains(Int(token)) { return } // a token that ends a text
            take(token)
            let made = token
            token = run(decode, settings, sizes: ["token": [1], "position": [1], "keys": shape, "values": shape]) { runner in
                self.fill(runner, "token", with: [made])
                self.fill(runner, "position", with: [position])
                self.fill(runner, "keys", with: self.keys)
                self.fill(runner, "values", with: self.values)
            }
            position += 1
        }
    }

    private func run(
        _ runner: OpaquePointer, _ settings: Settings, sizes: [String: [Int32]], fillIn: (OpaquePointer) -> Void
    ) -> Int32 {
        for (name, size) in sizes { TfLiteSignatureRunnerResizeInputTensor(runner, name, size, Int32(size.count)) }
        for name in ["temperature", "top_k", "top_p", "seed"] {
            TfLiteSignatureRunnerResizeInputTensor(runner, name, [1], 1)
        }
        TfLiteSignatureRunnerAllocateTensors(runner)
        fillIn(runner)
        fill(runner, "temperature", with: [settings.temperature])
        fill(runner, "top_k", with: [settings.topK])
        fill(runner, "top_p", with: [settings.topP])
        fill(runner, "seed", with: [settings.seed])
        TfLiteSignatureRunnerInvoke(runner)
        read(runner, "keys", into: &keys)
        read(runner, "values", into: &values)
        var token: [Int32] = [0]
        read(runner, "token", into: &token)
        return token[0]
    }

    private func fill<Number>(_ runner: OpaquePointer, _ name: String, with numbers: [Number]) {
        let tensor = TfLiteSignatureRunnerGetInputTensor(runner, name)
        _ = numbers.withUnsafeBytes { TfLiteTensorCopyFromBuffer(tensor, $$0.baseAddress, $$0.count) }
    }

    private func read<Number>(_ runner: OpaquePointer, _ name: String, into numbers: inout [Number]) {
        let tensor = TfLiteSignatureRunnerGetOutputTensor(runner, name)
        _ = numbers.withUnsafeMutableBytes { TfLiteTensorCopyToBuffer(tensor, $$0.baseAddress, $$0.count) }
    }
}
