/* Reads images of IMAGE floats from standard input, and writes the CLASSES logits of each and, as a float, its class. */
#include <stdio.h>

int predict(const float *image, float *logits);

int main(void)
{
    static float image[IMAGE], logits[CLASSES + 1];
    while (fread(image, sizeof image, 1, stdin) == 1) {
        logits[CLASSES] = (float)predict(image, logits);
        if (fwrite(logits, sizeof logits, 1, stdout) != 1)
            return 1;
    }
    return 0;
}
