// Writes on from a prompt with a TFLite file of $name on Android. Not compiled where it was written.
// build.gradle: implementation("com.google.ai.edge.litert:litert:1.4.0")
// Put $file into src/main/assets. tokenizer.json is of the library `tokenizers`: turn a prompt into ids, and ids
// into text, with a port of it, such as ai.djl.huggingface:tokenizers (HuggingFaceTokenizer).

import android.content.Context
import org.tensorflow.lite.Interpreter
import java.nio.ByteBuffer
import java.nio.ByteOrder

class Settings(val seed: Int, val temperature: Float = 0.8f, val topK: Int = 0, val topP: Float = 0.95f)

class Writer(context: Context) {
    private val interpreter: Interpreter

    // What attention keeps of the tokens so far; a call reads one pair and writes the other.
    private var keys = cache()
    private var values = cache()
    private var nextKeys = cache()
    private var nextValues = cache()
    private val token = IntArray(1)
    private val logits = Array(1) { FloatArray($vocabulary) }

    init {
        val model = context.assets.open("$file").use { it.readBytes() }
        val buffer = ByteBuffer.allocateDirect(model.size).order(ByteOrder.nativeOrder()).put(model)
        interpreter = Interpreter(buffer, Interpreter.Options().setNumThreads(1))
    }

    /** Calls `take` with new tokens one by one. The same prompt, seed and settings give the same text as on a server. */
    fun generate(promptIds: IntArray, most: Int, settings: Settings, take: (Int) -> Unit) {
        // A prompt that is too long is cut at its front; an empty one becomes one token.
        val kept = minOf(promptIds.size, if ($endless) $context else maxOf($context - most, $context / 2))
        val ids = if (kept == 0) intArrayOf(0) else promptIds.copyOfRange(promptIds.size - kept, promptIds.size)
        run("prefill", mapOf("prompt_ids" to arrayOf(ids), "prompt_length" to intArrayOf(kept)), settings)
        var position = maxOf(kept, 1)
        repeat(if ($endless) most else minOf(most, $context - position)) {
            val made = token[0]
            if (made in intArrayOf($ends)) return // a token that ends a text
            take(made)
            keys.rewind()
            values.rewind()
            val given = mapOf(
                "token" to intArrayOf(made), "position" to intArrayOf(position), "keys" to keys, "values" to values
            )
            run("decode", given, settings)
            position++
        }
    }

    private fun run(signature: String, given: Map<String, Any>, settings: Settings) {
        nextKeys.rewind()
        nextValues.rewind()
        val inputs = given + mapOf(
            "temperature" to floatArrayOf(settings.temperature), "top_k" to intArrayOf(settings.topK),
            "top_p" to floatArrayOf(settings.topP), "seed" to intArrayOf(settings.seed)
        )
        val outputs = mapOf("token" to token, "logits" to logits, "keys" to nextKeys, "values" to nextValues)
        interpreter.runSignature(inputs, outputs, signature)
        keys = nextKeys.also { nextKeys = keys }
        values = nextValues.also { nextValues = values }
    }

    private fun cache(): ByteBuffer =
        ByteBuffer.allocateDirect(4 * $layers * $heads * $context * $head_dim).order(ByteOrder.nativeOrder())
}
